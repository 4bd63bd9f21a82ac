"""Rows of two stretches of a log, added up key by key."""

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    BEGAN,
    COUNT,
    COUNTS,
    DECAY,
    DECAYS,
    LAST,
    ROOM,
    SECOND,
    SINCE,
    SINCES,
    STRIDE,
    USED,
)
from sluice.features.declaration.program import Program
from sluice.features.engine.aging import carry, day_start, forget
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.hash_table import FREE, Memory, find, home
from sluice.features.engine.llvm import AHEAD, fetch


@compiled
def add_rows(memory: Memory, later: Memory, program: Program, number: int) -> None:
    """Add one table of a later stretch to that of an earlier one.

    Args:
        memory: of the earlier stretch, with room for the keys of both; changed.
        later: of the stretch that follows on it, both with their windows at one moment.
        program: of both.
        number: of the table.
    """
    table, other = memory.tables[number], later.tables[number]
    base, stride = table[BASE], table[STRIDE]
    for nth in range(1, other[ROOM] + 1):
        source, row = other[BASE] + nth * stride, base + nth * stride
        if table[SECOND] != ABSENT:
            coming = other[BASE] + min(nth + AHEAD, other[ROOM]) * stride
            fetch(memory.words, home(base, stride, table[ROOM], later.words[coming]))
            key = int(later.words[source])
            if key == FREE:
                continue
            row = find(memory.words, base, stride, table[ROOM], key)
            if memory.words[row] == FREE:
                memory.words[row] = key
                table[USED] += 1
        _add_row(memory, later, program, table, row, source)


@inlined
def _add_row(memory, later, program, table, row, source) -> None:  # noqa: ANN001 - Numba infers them
    words, last = memory.words, table[LAST]
    if last != ABSENT and later.words[source + last] != 0:
        _age_row(memory, later, program, table, row, source)
        words[row + last] = later.words[source + last]
        for index in range(2 * table[DECAYS]):
            place = table[DECAY] + index
            memory.sums[row + place] += later.sums[source + place]
    for index in range(table[SINCE], table[SINCE] + table[SINCES]):
        if later.words[source + index] != 0:
            words[row + index] = later.words[source + index]
    for index in range(table[COUNT], table[COUNT] + table[COUNTS]):
        memory.cells[2 * row + index] += later.cells[2 * source + index]


@inlined
def _age_row(memory, later, program, table, row, source) -> None:  # noqa: ANN001 - Numba infers them
    """Bring a row to where the later stretch's events of its key began, as each would have."""
    words, began = memory.words, table[BEGAN]
    before, newest = words[row + table[LAST]], later.words[source + table[LAST]]
    forgotten = before == 0
    if began != ABSENT and before + program.horizon < later.words[source + began]:
        forget(memory, program.endless, table, row)
        forgotten = True
    if forgotten and began != ABSENT:
        words[row + began] = later.words[source + began]
    if not forgotten and day_start(before) < day_start(newest):
        carry(memory.sums, program, table, row, day_start(newest) - day_start(before))
