"""Columns that follow from other columns of the same request: rates, ratios, shares, ranks."""

import math

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import ABSENT
from sluice.features.declaration.program import (
    CENTRED,
    CODE,
    COLUMN,
    LOWER,
    RANKED,
    RATE,
    RATIO,
    RELATE,
    SCORED,
    SHARED,
    TASTE,
    UPPER,
)
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.counters import LANES


@inlined
def derive(values, operation, prior, weight, clicked, size) -> None:  # noqa: ANN001 - plain arrays
    """Fill the columns of one operation.

    Args:
        values: [columns, candidates].
        operation: code, column, operands.
        prior: events per exposure of the surface, where the operation is a rate.
        weight: exposures that the prior counts for.
        clicked: the person's clicks so far.
        size: candidates.
    """
    if operation[CODE] == RELATE:
        _relate(values, operation, size)
    elif operation[CODE] == RATE:
        _rate(values, operation, prior, weight, size)
    elif operation[CODE] == RATIO:
        _ratio(values, operation, size)
    elif operation[CODE] == TASTE:
        _taste(values, operation, clicked, size)


@compiled
def _rate(values, operation, prior, weight, size) -> None:  # noqa: ANN001 - plain arrays
    column, upper, lower = operation[COLUMN], operation[UPPER], operation[LOWER]
    for row in range(size):
        events = values[upper, row] + weight * prior
        values[column, row] = events / (values[lower, row] + weight)


@compiled
def _ratio(values, operation, size) -> None:  # noqa: ANN001 - plain arrays
    column, upper, lower = operation[COLUMN], operation[UPPER], operation[LOWER]
    for row in range(size):
        whole = values[lower, row]
        values[column, row] = values[upper, row] / whole if whole > 0.0 else 0.0


@compiled
def _taste(values, operation, clicked, size) -> None:  # noqa: ANN001 - plain arrays
    column, upper = operation[COLUMN], operation[UPPER]
    for row in range(size):
        values[column, row] = values[upper, row] / max(clicked, 1)


@compiled
def _relate(values: NDArray[np.float32], operation: NDArray[np.int64], size: int) -> None:
    """Forms of a column within the request, over its known values."""
    base = values[operation[COLUMN]]
    ranked, shared = operation[RANKED], operation[SHARED]
    centred, scored = operation[CENTRED], operation[SCORED]
    if ranked != ABSENT:
        _rank(base, values[ranked], size)
    total, squares, counted = _moments(base, size)
    mean = total / max(counted, 1)
    if shared != ABSENT:
        scale = 1.0 / total if total != 0.0 else 1.0
        for row in range(size):
            values[shared, row] = base[row] * scale
    if centred != ABSENT:
        for row in range(size):
            values[centred, row] = base[row] - mean
    if scored != ABSENT:
        spread = math.sqrt(max(squares / max(counted, 1) - mean * mean, 0.0))
        scale = 1.0 / spread if spread > 0.0 else 0.0
        for row in range(size):
            values[scored, row] = (base[row] - mean) * scale


@compiled
def _moments(values: NDArray[np.float32], size: int) -> tuple[float, float, int]:
    """Sum, sum of squares and number of the known values."""
    total = squares = 0.0
    counted = 0
    for row in range(size):
        value = float(values[row])
        if not math.isnan(value):
            total += value
            squares += value * value
            counted += 1
    return total, squares, counted


@compiled
def _rank(values: NDArray[np.float32], ranks: NDArray[np.float32], size: int) -> None:
    """1 for the largest; equal values share the best rank; NaN has none."""
    # Whole vectors are compared: what fills the last one up is above nothing.
    whole = -(-size // LANES) * LANES
    values[size:whole] = -np.inf
    for row in range(size):
        value = values[row]
        above = np.int32(0)
        for other in range(whole):
            # Numba's sum is of 64 bits, half as many at once.
            above = np.int32(above + np.int32(values[other] > value))
        ranks[row] = np.float32(above + 1) if not math.isnan(value) else np.nan
