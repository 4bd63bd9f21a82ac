"""A model of the reward that never saw the decision it predicts."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import ConfigError
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.predicted import Predicted
from sluice.metrics.offpolicy.slot_policy import SlotPolicy


def cross_fitted(
    log: LoggedDecisions,
    exposures: pl.DataFrame,
    target: SlotPolicy,
    *,
    folds: int = 5,
    smoothing: float = 100.0,
) -> Predicted:
    """Smoothed mean reward of each slot and item, from the other folds (Chernozhukov et al. 2018).

    q̂ = (Σ r + m r̄) / (n + m), with m = `smoothing` decisions at the mean reward r̄ of the other
    folds. A person's decisions share a fold. `exposures` are those of the log, row by row.

    Raises:
        ConfigError: fewer than two folds.
    """
    if folds < 2:
        raise ConfigError(f"{folds} folds: the others are needed to predict one; give 2")
    slot, item = target.cells(exposures)
    fold = np.unique(log.users, return_inverse=True)[1] % folds
    means = _means_of_others(log.rewards, (fold, slot, item), folds, target, smoothing)
    expected = (target.probabilities * means[..., :-1]).sum(axis=2)
    return Predicted(shown=means[fold, slot, item], expected=expected[fold, slot])


def _means_of_others(
    rewards: NDArray[np.float64],
    cells: tuple[NDArray[np.int64], ...],
    folds: int,
    target: SlotPolicy,
    smoothing: float,
) -> NDArray[np.float64]:
    """[folds, slots, items + 1]; the last item is whatever the target never shows (place -1)."""
    slots, items = target.probabilities.shape
    sums, counts = np.zeros((2, folds, slots, items + 1))
    np.add.at(sums, cells, rewards)
    np.add.at(counts, cells, 1.0)
    sums, counts = sums.sum(axis=0) - sums, counts.sum(axis=0) - counts
    overall = sums.sum(axis=(1, 2)) / np.maximum(counts.sum(axis=(1, 2)), 1.0)
    return (sums + smoothing * overall[:, None, None]) / (counts + smoothing)
