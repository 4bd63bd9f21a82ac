"""The feature kernel: one time-ordered fold. Read the state as known before t, then update it.

Offline replay and online serving run these same functions on the same arrays, which is why their
features agree bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.program import Program
from sluice.features.engine.answers import answer, emit
from sluice.features.engine.arrivals import apply_until
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.counters import Known, Requests, Scratch
from sluice.features.engine.llvm import stream_rows
from sluice.features.engine.prefetch import expect_items, expect_pairs, expect_person
from sluice.features.engine.windows import place_windows

__all__ = ["apply_until", "ask", "fold", "place_windows"]


@compiled
def ask(state: Known, program: Program, scratch: Scratch, query, items, out) -> None:  # noqa: ANN001 - Numba infers them
    """Features of one request, [candidates, features], once all that was known before it is counted."""
    apply_until(state, program, scratch, query[0])
    place_windows(state, program, query[0])
    emit(state, program, scratch, query, items, out)


@compiled
def fold(
    state: Known,
    program: Program,
    scratch: Scratch,
    requests: Requests,
    out: NDArray[np.float32],
) -> None:
    """Features of every request in time order: at each, read what is known, never what follows."""
    times, offsets, users = requests.ts, requests.offsets, requests.users
    words, cells, tables = state.memory.words, state.memory.cells, state.memory.tables
    for nth in range(len(times)):
        low, high = offsets[nth], offsets[nth + 1]
        _expect(words, cells, tables, offsets, requests.items, users, nth)
        expect_person(state.people, users[min(nth + 2, len(users) - 1)])
        apply_until(state, program, scratch, times[nth])
        place_windows(state, program, times[nth])
        query = (times[nth], int(users[nth]))
        items, rows = requests.items[low:high], out[low:high]
        answer(state, program, scratch, query, items, rows)
        stream_rows(scratch.values, program.columns, high - low, rows)


@inlined
def _expect(words, cells, tables, offsets, items, users, nth) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Ask for the rows of the next request; where its pairs lie follows from its items, so those first."""
    left = len(users) - 1 - nth
    if left > 0:
        coming = items[offsets[nth + 1] : offsets[nth + 2]]
        expect_pairs(words, cells, tables, coming, users[nth + 1])
    if left > 1:
        expect_items(words, tables, items[offsets[nth + 2] : offsets[nth + 3]])
