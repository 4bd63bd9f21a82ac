"""How much of what users see changes between two models, beyond what a mere retrain changes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError, DataError, TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.metrics.evaluation import Evaluation
from sluice.metrics.metric import check_cutoff


def likeness(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    frame: RankingFrame,
    *,
    k: int = 10,
    persistence: float = 0.9,
) -> Evaluation:
    """How alike two models' scores [rows] order each request; 1 is the same order.

    - `overlap@k`: share of the first k (or of all candidates, where fewer) that both show there.
    - `rbo@p`: rank-biased overlap, extrapolated, (1 - p) Σ_d p^(d-1) X_d / d + p^n with X_d the
      overlap at depth d (Webber et al. 2010, eq. 30); p = 0.9 puts 86 % of the weight on the
      first ten.
    - `kendall`: tau-b of the scores (Kendall 1945), -1 to 1; NaN where a model has one score only.

    Both orders break ties as the server does, by item id, so that equal scores are equal orders;
    tau-b leaves tied pairs out. Requests of fewer than two candidates are dropped.

    Raises:
        ConfigError: `k` is less than 1, or `persistence` not between 0 and 1.
        DataError: scores are NaN or not one a row.
    """
    from sluice.metrics import churn_kernel as kernel

    check_cutoff(k)
    if not 0 < persistence < 1:
        raise ConfigError(
            f"persistence {persistence}: a chance to read on, between 0 and 1"
        )
    ours, theirs = _checked(ours, frame.rows), _checked(theirs, frame.rows)
    tiebreak = _tiebreak(ours, theirs, frame)
    left = kernel.places(ours, tiebreak, frame.offsets)
    right = kernel.places(theirs, tiebreak, frame.offsets)
    values = {
        f"overlap@{k}": kernel.overlaps(left, right, frame.offsets, k),
        f"rbo@{persistence:g}": kernel.rank_biased_overlaps(
            left, right, frame.offsets, persistence
        ),
        "kendall": kernel.kendall_taus(ours, theirs, frame.offsets),
    }
    dropped = int((np.diff(frame.offsets) < 2).sum())
    return Evaluation(values, frame.requests, dropped)


def noise_floor(retrains: Sequence[Evaluation]) -> Evaluation:
    """Mean likeness of each request over pairs of retrains of one configuration.

    Raises:
        TooLittleData: there is no pair.
    """
    if not retrains:
        raise TooLittleData(
            "no noise floor: churn says nothing without a pair of models of one configuration, "
            "fitted with different seeds"
        )
    values = {
        name: np.mean([pair.vector(name) for pair in retrains], axis=0)
        for name in retrains[0].names
    }
    return Evaluation(values, retrains[0].requests, retrains[0].dropped)


def _checked(scores: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    if scores.shape != (rows,):
        raise DataError(f"{scores.shape} scores for {rows} rows; one a row is needed")
    if unscored := int(np.isnan(scores).sum()):
        raise DataError(
            f"{unscored} of {rows} scores are NaN; a ranker must score every row"
        )
    return np.ascontiguousarray(scores, dtype=np.float64)


def _tiebreak(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], frame: RankingFrame
) -> NDArray[np.int64]:
    """Place of each row's item id among those of tied rows, [rows]; sorting text is dear."""
    from sluice.metrics import churn_kernel as kernel

    tied = kernel.tied(ours, frame.offsets) | kernel.tied(theirs, frame.offsets)
    codes = np.zeros(frame.rows, np.int64)
    codes[tied] = np.unique(frame.item_ids[tied], return_inverse=True)[1]
    return codes
