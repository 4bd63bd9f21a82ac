"""Scores of a request on one scale, so that those of several families can be added."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each row's request, [rows] each; a deviation of 0 is of equal scores."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Deviations above the mean, [rows]; 0 where all scores of the request are equal."""
        return self.shrunk(values - self.mean)

    def shrunk(self, differences: NDArray[np.float64]) -> NDArray[np.float64]:
        """`differences` [rows] in deviations."""
        spread = self.deviation > 0
        return np.where(spread, differences / np.where(spread, self.deviation, 1.0), 0.0)


def requests_of(rows: int, offsets: NDArray[np.int64] | None) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of each request; of all rows where `offsets` is None.

    Raises:
        DataError: the offsets do not cover the rows.
    """
    if offsets is None:
        return iter([(0, rows)])
    bounds = offsets.tolist()
    falls = any(later < before for before, later in pairwise(bounds))
    if not bounds or bounds[0] != 0 or bounds[-1] != rows or falls:
        raise DataError(
            f"the requests' offsets do not cover {rows} rows from the first to the last"
        )
    return pairwise(bounds)


def scale_of(scores: NDArray[np.float64], offsets: NDArray[np.int64] | None) -> Scale:
    """Mean and deviation of each request's scores, exactly rounded.

    So they hang neither on the order of its rows nor on what other requests there are.

    Raises:
        DataError: as `requests_of`.
    """
    mean, deviation = np.zeros((2, len(scores)))
    for first, last in requests_of(len(scores), offsets):
        if first == last:
            continue
        values = scores[first:last]
        centre = mean_of(values)
        mean[first:last] = centre
        if values.min() < values.max():
            deviation[first:last] = math.sqrt(mean_of((values - centre) ** 2))
    return Scale(mean, deviation)


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean, exactly rounded, whatever the order."""
    return math.fsum(values.tolist()) / len(values)
