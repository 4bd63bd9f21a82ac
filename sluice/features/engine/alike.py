"""Columns that say who clicks alike: what is added to an item's sums, and what is read from them."""

import math

import numpy as np

from sluice.features.declaration.layout import UNKNOWN
from sluice.features.engine.aging import clicks_known
from sluice.features.engine.alike_sums import MOST, PARTS, UNIT
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.counters import CLICK, EXPOSURE, RING
from sluice.features.engine.llvm import natural

_SHRINKAGE = 10.0
"""Clicks of nobody's vector that an item's mean is taken with."""
_MEAN, _NEWEST = 0, 1


@compiled
def add_vectors(vectors, sums, items, users, kind, low, high) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    """Add the vectors of the persons of events `low` up to `high` to their items' sums."""
    dimensions = vectors.shape[1]
    begin = kind * dimensions
    for nth in range(low, high):
        item, user = items[natural(nth)], users[natural(nth)]
        if item == UNKNOWN:
            continue
        row = sums[natural(item)]
        row[natural(PARTS * dimensions + kind)] += 1
        if user == UNKNOWN:
            continue
        vector = vectors[natural(user)]
        for axis in range(dimensions):
            row[natural(begin + axis)] += vector[axis]


@inlined
def alike(known, program, liked, values, first, asked, items) -> None:  # noqa: ANN001, PLR0913, PLR0917 - Numba infers them
    """Six columns from `first` on; NaN without a vector of the person's, or of what they clicked last.

    Args:
        known: everything before the request.
        program: says how many of the person's last clicks are looked at.
        liked: [2, dimensions], overwritten with the directions of those clicks.
        values: [columns, candidates].
        first: number of the first column.
        asked: µs of the request, and the person's code.
        items: [candidates] codes.
    """
    people, (ts, user) = known.people, asked
    clicked = clicks_known(people.clicked, people.clicked_at, program.horizon, user, ts)
    looked = min(clicked, program.last_clicks)
    _recall(known.alike.sums, people.ring, user, clicked, looked, liked)
    _compare(known.alike.vectors, known.alike.sums, user, liked, values, first, items)


@compiled
def _recall(sums, ring, user, clicked, looked, liked) -> None:  # noqa: ANN001 - plain arrays
    """Mean direction of the last clicked items, and direction of the last; zeros for none."""
    dimensions = liked.shape[1]
    liked[:] = 0.0
    for back in range(looked):
        row = sums[ring[user, (clicked - 1 - back) % RING]]
        squares = 0.0
        for axis in range(dimensions):
            at = np.float64(row[dimensions + axis])
            squares += at * at
        if squares == 0.0:
            continue
        scale = 1.0 / math.sqrt(squares)
        for axis in range(dimensions):
            at = row[dimensions + axis] * scale
            liked[_MEAN, axis] += at / looked
            if back == 0:
                liked[_NEWEST, axis] = at


@compiled
def _compare(vectors, sums, user, liked, values, first, items) -> None:  # noqa: ANN001, PLR0913, PLR0917 - plain arrays
    size, own = len(items), vectors[max(user, 0)]
    for row in range(size):
        if items[row] == UNKNOWN:
            _fill(values[:, row : row + 1], first, first + 6, 0.0)
        else:
            _compare_item(own, sums[natural(items[row])], liked, values, first, row)
    if user == UNKNOWN or _is_nothing(own):
        _fill(values[:, :size], first, first + 4, np.nan)
    if _is_nothing(liked[_MEAN]):
        _fill(values[:, :size], first + 4, first + 5, np.nan)
    if _is_nothing(liked[_NEWEST]):
        _fill(values[:, :size], first + 5, first + 6, np.nan)


@compiled
def _is_nothing(vector) -> bool:  # noqa: ANN001 - a plain array
    total = 0.0
    for axis in range(len(vector)):
        total += abs(vector[axis])
    return total == 0.0


@compiled
def _fill(values, low, high, value) -> None:  # noqa: ANN001 - plain arrays
    """Have one value in columns `low` up to `high`."""
    for column in range(low, high):
        for row in range(values.shape[1]):
            values[column, row] = value


@compiled
def _compare_item(own, item, liked, values, first, row) -> None:  # noqa: ANN001 - plain arrays
    """Fill one candidate's columns, the sums added in one order of the axes."""
    dimensions = liked.shape[1]
    exposures = item[PARTS * dimensions + EXPOSURE]
    clicks = item[PARTS * dimensions + CLICK]
    if max(exposures, clicks) > MOST:
        _fill(values[:, row : row + 1], first, first + 6, np.nan)
        return
    share = min(clicks / (exposures + 1.0), 1.0)
    click = lift = mean = newest = own_2 = click_2 = lift_2 = 0.0
    for axis in range(dimensions):
        mine, theirs = np.float64(own[axis]), np.float64(item[dimensions + axis])
        above = theirs - share * item[axis]
        own_2 += mine * mine
        click += mine * theirs
        lift += mine * above
        click_2 += theirs * theirs
        lift_2 += above * above
        mean += liked[_MEAN, axis] * theirs
        newest += liked[_NEWEST, axis] * theirs
    weight = 1.0 / (UNIT * UNIT * (clicks + _SHRINKAGE))
    values[first, row] = click * weight
    values[first + 1, row] = lift * weight
    values[first + 2, row] = click / math.sqrt(max(own_2 * click_2, 1e-9))
    values[first + 3, row] = lift / math.sqrt(max(own_2 * lift_2, 1e-9))
    scale = 1.0 / math.sqrt(max(click_2, 1e-9))
    values[first + 4, row] = mean * scale
    values[first + 5, row] = newest * scale
