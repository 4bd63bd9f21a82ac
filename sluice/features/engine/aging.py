"""How what is kept for a key grows older: decayed sums, forgetting, and a person's last clicks.

A decayed count is kept as two sums: what was carried over the start of the key's newest day, and the
weights 2^((at - start of day) / half-life) of that day's events (forward decay: Cormode et al., ICDE
2009). Events of a day are thus added without looking back, and a request reads every candidate with
one factor.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import (
    DECAY,
    DECAYS,
    ENDLESS,
    ENDLESS_END,
    HALF,
    LAST,
    SINCE,
    SINCES,
    UNKNOWN,
    UPDATE_DECAY,
    UPDATE_DECAYS,
    UPDATE_HALF,
)
from sluice.features.declaration.program import Program
from sluice.features.engine.compiled import compiled
from sluice.features.engine.hash_table import Memory

DAY = 86_400_000_000
"""µs."""
LN2 = math.log(2.0)

Integers = NDArray[np.int64]


@compiled
def day_start(ts: int) -> int:
    """µs at which the UTC day of `ts` began."""
    return ts - ts % DAY


@compiled
def decay(half_life: int, elapsed: int) -> float:
    """What is left of 1 after `elapsed` µs."""
    return math.exp(-LN2 * (elapsed / half_life))


@compiled
def clicks_known(
    clicked: NDArray[np.int32], clicked_at: Integers, horizon: int, user: int, ts: int
) -> int:
    """How many clicks of the person are remembered at `ts`."""
    if user == UNKNOWN or (horizon > 0 and clicked_at[user] + horizon < ts):
        return 0
    return int(clicked[user])


@compiled
def weigh(
    half_lives: Integers, weights: NDArray[np.float64], weighed: Integers, at: int
) -> None:
    """Weights of an event at `at` within its day; those of the event before it are kept."""
    if weighed[0] == at:
        return
    for half in range(len(half_lives)):
        weights[half] = decay(half_lives[half], day_start(at) - at)
    weighed[0] = at


@compiled
def add_weights(sums, update, row, halves, weights) -> None:  # noqa: ANN001 - plain arrays
    """Add an event to the newest day's sums of a row."""
    today = row + update[UPDATE_DECAY] + 1
    for index in range(update[UPDATE_DECAYS]):
        sums[today + 2 * index] += weights[halves[update[UPDATE_HALF] + index]]


@compiled
def grow_older(
    memory: Memory, program: Program, table: Integers, row: int, at: int
) -> bool:
    """Bring a row from its last event to `at`; whether it was idle for so long that it is forgotten."""
    before, horizon = int(memory.words[row + table[LAST]]), program.horizon
    forgotten = horizon > 0 and before + horizon < at
    if forgotten:
        forget(memory, program.endless, table, row)
    elif table[DECAYS] > 0 and before < day_start(at):
        carry(memory.sums, program, table, row, day_start(at) - day_start(before))
    return forgotten


@compiled
def carry(sums, program, table, row, elapsed) -> None:  # noqa: ANN001 - plain arrays
    """Begin a day that starts `elapsed` µs after the row's newest day started."""
    halves, half_lives = program.halves, program.half_lives
    for index in range(table[DECAYS]):
        carried = row + table[DECAY] + 2 * index
        kept = decay(int(half_lives[halves[table[HALF] + index]]), elapsed)
        sums[carried] = (sums[carried] + sums[carried + 1]) * kept
        sums[carried + 1] = 0.0


@compiled
def forget(memory, endless, table, row) -> None:  # noqa: ANN001 - plain arrays
    """Make a row that of a key never met, but for its windows and what is said of an item."""
    # Windowed counts stay: no window is longer than the horizon, and each event leaves on its own.
    for index in range(table[ENDLESS], table[ENDLESS_END]):
        memory.cells[2 * row + endless[index]] = 0
    for index in range(2 * table[DECAYS]):
        memory.sums[row + table[DECAY] + index] = 0.0
    for index in range(table[SINCES]):
        memory.words[row + table[SINCE] + index] = 0
