"""Inputs of a network: where a value stands among those that were fitted on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

POINTS = 65
"""Quantiles from 0 to 1 that a column is described by."""
_FURTHEST = 0.005
"""No value stands nearer to either end; its normal score is ±2.58."""


@dataclass(frozen=True)
class Quantiles:
    """Tables from a feature's value to its normal score, and which features' absence counts.

    A NaN stands where the median does. Ties share the mean of their positions.
    """

    knots: NDArray[np.float64]
    """[features, POINTS]; ascending up to `many`."""
    values: NDArray[np.float64]
    """[features, POINTS]; normal scores."""
    many: NDArray[np.int64]
    """[features]; knots in use. Fewer than two: the column says nothing."""
    flagged: NDArray[np.int64]
    """[flags]; features that were sometimes missing and sometimes not."""

    @classmethod
    def fit(cls, features: NDArray[np.float32]) -> Self:
        """Describe the columns of `features`, [rows, features]; infinities are left out."""
        columns = features.shape[1]
        knots, values = np.zeros((2, columns, POINTS))
        many = np.zeros(columns, np.int64)
        for nth in range(columns):
            place, score = _table(features[:, nth])
            many[nth] = len(place)
            knots[nth, : len(place)], values[nth, : len(place)] = place, score
        missing = np.isnan(features)
        flagged = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        return cls(knots, values, many, flagged.astype(np.int64))

    @cached_property
    def open_ended(self) -> NDArray[np.float64]:
        """The knots, [features, POINTS], infinite where none is in use: nothing stands above."""
        return np.where(np.arange(POINTS) < self.many[:, None], self.knots, np.inf)

    @property
    def width(self) -> int:
        """Number of inputs, padded for the kernel."""
        from sluice.rankers.mlp_kernel import INPUTS_AT_ONCE

        used = len(self.many) + len(self.flagged)
        return -(-used // INPUTS_AT_ONCE) * INPUTS_AT_ONCE

    def inputs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a network is given, [rows, width]."""
        from sluice.rankers.mlp_kernel import inputs_of

        rows = np.ascontiguousarray(features, np.float32)
        return inputs_of(
            rows, self.open_ended, self.values, self.many, self.flagged, self.width
        )

    def by_feature(self, of_inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the inputs that a feature has, [rows, features], of `of_inputs` [rows, width]."""
        columns = len(self.many)
        sums = of_inputs[:, :columns].copy()
        sums[:, self.flagged] += of_inputs[:, columns : columns + len(self.flagged)]
        return sums


def _table(column: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.special import ndtri

    finite = column[np.isfinite(column)].astype(np.float64)
    if not len(finite):
        return np.zeros(0), np.zeros(0)
    shares = np.linspace(0, 1, POINTS)
    places, group = np.unique(np.quantile(finite, shares), return_inverse=True)
    centre = np.bincount(group, weights=shares) / np.bincount(group)
    return places, ndtri(np.clip(centre, _FURTHEST, 1 - _FURTHEST))
