"""What a state may let go of, because no answer depends on it any more.

Under a horizon a person without an event for so long is answered as one never met, whatever is still
written down of them: so their code can go to somebody else as it stands. An item's can once all that
is written down under its code is as old, and nothing else speaks of it.
"""

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import ITEM, ITEMS, NEVER, NOTED, UNKNOWN
from sluice.features.declaration.program import Program
from sluice.features.engine.compiled import compiled
from sluice.features.engine.counters import Facts, Known, Vectors
from sluice.features.engine.hash_table import table_rows
from sluice.features.state.intake import Names


@compiled
def note_seen(
    seen_at: NDArray[np.int64], users: NDArray[np.int32], at: NDArray[np.int64]
) -> None:
    """Remember when each person had their last event, in whatever order events come."""
    for nth in range(len(users)):
        user = users[nth]
        if user != UNKNOWN:
            seen_at[user] = max(seen_at[user], at[nth])


def without_superseded(facts: Facts, vectors: Vectors) -> tuple[Facts, Vectors]:
    """Facts and the vectors that items have or will have, once these are less than half of all."""
    coming = facts.vector[int(facts.applied[0]) :]
    needed = np.zeros(int(vectors.used[0]), np.bool_)
    for rows in (vectors.of_item, coming):
        needed[rows[rows != UNKNOWN]] = True
    stay = np.count_nonzero(needed)
    if 2 * stay >= len(needed):
        return facts, vectors
    # Rows are UNKNOWN at -1, and so is the last of them here.
    moved = np.full(len(needed) + 1, UNKNOWN, np.int32)
    moved[:-1][needed] = np.arange(stay)
    # With room for as many again as there were, so that this is done for so many new ones once.
    values = np.empty_like(vectors.values)
    values[:stay] = vectors.values[: len(needed)][needed]
    kept = Vectors(values, moved[vectors.of_item], np.array([stay]))
    return facts._replace(vector=moved[facts.vector]), kept


def grown(names: Names, program: Program) -> bool:
    """Whether so many people or items are known that some may be worth letting go of."""
    items = program.item_horizon > 0 and names.items.doubled
    return items or (program.horizon > 0 and names.users.doubled)


def let_go(names: Names, arrays: Known, program: Program, now: int) -> None:
    """Let the codes of people and items that are forgotten go to new ones.

    Args:
        names: lose ids.
        arrays: loses what was said of these items.
        program: of the state.
        now: µs; whatever is asked or counted from here on lies at or after it.
    """
    if now == NEVER or not program.horizon:
        return
    # No window outlives the horizon, so no event of theirs has still to leave one.
    seen_at = arrays.people.seen_at[: len(names.users)]
    names.users.forget(seen_at < now - program.horizon)
    if program.item_horizon:
        idle = _idle_items(arrays, program, now, len(names.items))
        _clear_items(arrays, idle)
        names.items.forget(idle)


def _idle_items(state: Known, program: Program, now: int, codes: int) -> NDArray[np.bool_]:
    """[codes] whether an item is forgotten at `now` (µs), and nothing else speaks of it."""
    # A click on another counts with the one before it, and so may a horizon after that one.
    edge = now - max(program.item_horizon, 2 * program.horizon)
    idle = table_rows(state.memory, ITEMS)[:codes, NOTED] < edge
    people, queue, facts = state.people, state.queue, state.facts
    remembered = people.ring[people.clicked_at >= now - program.horizon].ravel()
    waiting = [
        queue.codes[ITEM, applied:end]
        for applied, end in zip(queue.applied, queue.end, strict=True)
    ]
    for items in (remembered, *waiting, facts.item[int(facts.applied[0]) :]):
        idle[items[items != UNKNOWN]] = False
    return idle


def _clear_items(state: Known, idle: NDArray[np.bool_]) -> None:
    """Forget what was said of items; what was counted is as old, and answered as nothing."""
    gone = np.flatnonzero(idle)
    table_rows(state.memory, ITEMS)[gone, : NOTED + 1] = 0
    state.vectors.of_item[gone] = UNKNOWN
    state.believed_at[gone] = NEVER
