"""Windows: every windowed count holds the events that are inside it at the moment of a request."""

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    CELL,
    FIRST,
    SECOND,
    STRICT,
    TABLE,
)
from sluice.features.declaration.program import Program
from sluice.features.engine.compiled import inlined
from sluice.features.engine.counters import Known
from sluice.features.engine.hash_table import place
from sluice.features.engine.llvm import fetch, natural

_LEAVING = 64
"""Events between the one that leaves a window and the one whose row is asked for."""


@inlined
def place_windows(state: Known, program: Program, ts: int) -> None:
    """Make every windowed count hold exactly the counted events with `ts - w <= at`."""
    # Both ways: an online request may ask about an earlier moment than the one before it did.
    memory, queue, windows = state.memory, state.queue, program.windows
    words, cells, tables = memory.words, memory.cells, memory.tables
    at, applied, expired, begin = queue.at, queue.applied, queue.expired, queue.first
    codes, answers = queue.codes, queue.answers
    expiries, first = program.expiries, program.expiries_first
    for kind in range(len(applied)):
        for window in range(len(windows)):
            entry = kind * len(windows) + window
            if first[entry] == first[entry + 1]:
                continue
            edge, old = ts - windows[window], expired[kind, window]
            new = old
            while new < applied[kind] and at[natural(new)] < edge:
                new += 1
            while new > begin[kind] and at[natural(new - 1)] >= edge:
                new -= 1
            if new == old:
                continue
            for index in range(first[entry], first[entry + 1]):
                _shift(words, cells, tables, expiries[index], codes, answers, old, new)
            expired[kind, window] = new


@inlined
def _shift(words, cells, tables, expiry, codes, answers, old, new) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Take events out of one windowed count, or back into it."""
    table = tables[expiry[TABLE]]
    first, second = codes[table[FIRST]], codes[max(table[SECOND], 0)]
    strict, cell, base = expiry[STRICT], expiry[CELL], table[BASE]
    step = -1 if new > old else 1
    for nth in range(min(old, new), max(old, new)):
        event = natural(nth)
        if strict and not answers[event]:
            continue
        row = place(words, table, first[event], second[event])
        if row != base:
            cells[natural(2 * row + cell)] += step
    # What is known of those that leave soon was last touched long ago.
    if table[SECOND] == ABSENT:
        for nth in range(old + _LEAVING, min(new + _LEAVING, len(first))):
            fetch(words, place(words, table, first[natural(nth)], 0))
