"""How well each single column ranks by itself: what a column that knows the outcome gives away.

A column is read in every way in which trees could use it alone: upwards, downwards, and by the rate of
positives in each of its bins, which also finds what is neither (a code, a band, a missing value). The
rates are of the fitted requests, the ranking is judged on the later ones, so chance earns nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.metrics.auc import Auc
from sluice.metrics.evaluation import evaluate

BINS = 255
"""As many as the trees make of a column."""
FITTED_ROWS = 50_000
"""The last of them give the rates; more sharpen nothing."""
_PRIOR = 10.0
_METRICS = (Auc(),)


class Reading(StrEnum):
    """How a column was turned into an order."""

    UP = "up"
    DOWN = "down"
    BINNED = "binned"


@dataclass(frozen=True)
class SingleColumn:
    """The best that one column does alone."""

    name: str
    auc: float
    """Mean over the judged requests, of the best reading."""
    reading: Reading


def single_columns(fitted: RankingFrame, judged: RankingFrame) -> tuple[SingleColumn, ...]:
    """Every column of the frames, in their order; none where no judged request has both classes.

    Args:
        fitted: requests that the rates of bins are taken from.
        judged: later requests, with the same columns.
    """
    if evaluate(np.zeros(judged.rows), judged, _METRICS).dropped == judged.requests:
        return ()
    return tuple(_best(fitted, judged, at) for at in range(len(judged.names)))


def _best(fitted: RankingFrame, judged: RankingFrame, at: int) -> SingleColumn:
    values = judged.features[:, at].astype(np.float64)
    # Missing is a value like another, below all others.
    ascending = _auc(np.nan_to_num(values, nan=-np.inf), judged)
    rates = _rates(
        fitted.features[-FITTED_ROWS:, at].astype(np.float64),
        fitted.labels[-FITTED_ROWS:] > 0,
        values,
    )
    readings = {
        Reading.UP: ascending,
        Reading.DOWN: 1 - ascending,
        Reading.BINNED: 0.5 if rates is None else _auc(rates, judged),
    }
    best = max(readings, key=lambda reading: readings[reading])
    return SingleColumn(judged.names[at], readings[best], best)


def _auc(scores: NDArray[np.float64], judged: RankingFrame) -> float:
    return evaluate(scores, judged, _METRICS).mean("auc")


def _rates(
    stored: NDArray[np.float64], positive: NDArray[np.bool_], values: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Smoothed rate of positives in the bin of each value, [rows]; None where nothing was fitted."""
    if not len(stored):
        return None
    finite = stored[np.isfinite(stored)]
    edges = _edges(finite) if len(finite) else np.zeros(0)
    bins = len(edges) + 2
    at = _binned(stored, edges)
    seen = np.bincount(at, minlength=bins)
    won = np.bincount(at, weights=positive, minlength=bins)
    rates = (won + _PRIOR * positive.mean()) / (seen + _PRIOR)
    return rates[_binned(values, edges)]


def _edges(finite: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every value where there are few, quantiles where there are many."""
    distinct = np.unique(finite)
    if len(distinct) <= BINS:
        return distinct
    return np.unique(np.quantile(finite, np.linspace(0, 1, BINS)))


def _binned(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bin of each value; the last bin holds what is missing."""
    bins = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, bins)
