"""Rows asked of memory before they are needed; nothing that is computed changes.

A large state lies in no cache, and waiting for its rows was a third of the fold. Which rows come next
is known: those of the next request, and those of the events that leave a window next.
"""

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    CATEGORY_CELL,
    FIRST,
    ITEM,
    ITEMS,
    PROVIDER,
    PROVIDER_CELL,
    ROOM,
    SECOND,
    STRIDE,
    USER,
)
from sluice.features.engine.compiled import inlined
from sluice.features.engine.counters import RING
from sluice.features.engine.hash_table import home, pair_key
from sluice.features.engine.llvm import fetch, natural


@inlined
def expect_person(people, user) -> None:  # noqa: ANN001 - Numba infers them
    """Ask for what is known of who asks."""
    fetch(people.ring, user * RING)
    fetch(people.clicked, user)
    fetch(people.clicked_at, user)


@inlined
def expect_items(words, tables, items) -> None:  # noqa: ANN001 - plain arrays
    """Ask for what is known of a request's candidates."""
    base, stride = tables[ITEMS, BASE], tables[ITEMS, STRIDE]
    for nth in range(len(items)):
        fetch(words, base + (items[nth] + 1) * stride)


@inlined
def expect_pairs(words, cells, tables, items, user) -> None:  # noqa: ANN001 - plain arrays
    """Ask for the rows of the person with a request's candidates, their providers and categories."""
    facts, step = tables[ITEMS, BASE], tables[ITEMS, STRIDE]
    for nth in range(len(tables)):
        table = tables[nth]
        base, stride, room, second = table[BASE], table[STRIDE], table[ROOM], table[SECOND]
        if table[FIRST] != USER or second == ABSENT:
            continue
        for row in range(len(items)):
            code = items[row]
            if second != ITEM:
                cell = PROVIDER_CELL if second == PROVIDER else CATEGORY_CELL
                facts_of = natural(2 * (facts + (items[row] + 1) * step))
                code = cells[facts_of + cell] - 1
            # The row behind it too: in every fourth search that is where it ends.
            at = home(base, stride, room, pair_key(user, code))
            fetch(words, at)
            fetch(words, at + stride)
