"""Are probabilities what they say? Normalised entropy, calibration ratio, calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.metrics.clusters import Clusters, by_cluster
from sluice.metrics.comparison import RESAMPLES
from sluice.metrics.predictions import Predictions

BINS = 15
_SMALLEST = 1e-15
"""A probability of 0 of what came all the same costs this one's log and not infinity."""


@dataclass(frozen=True)
class Calibration:
    """Figures of one set of predictions."""

    rows: int
    positives: int
    users: int
    normalized_entropy: float
    """Mean log loss over that of always predicting the mean outcome; below 1 is information."""
    ratio: float
    """Expected over observed positives; 1 is calibrated, above it the model promises too much."""
    low: float
    high: float
    """Bounds of the bootstrap interval of the ratio, users resampled with replacement."""
    confidence: float
    expected_error: float
    """ECE over bins of equal mass."""


@dataclass(frozen=True)
class Reliability:
    """Bins of about as many rows each, in ascending order of probability."""

    counts: NDArray[np.int64]
    """[bins]; fewer bins than asked for where equal probabilities span several."""
    predicted: NDArray[np.float64]
    """[bins]; mean probability."""
    observed: NDArray[np.float64]
    """[bins]; share of positives."""

    @property
    def expected_error(self) -> float:
        """ECE = Σ_b n_b / n |observed_b - predicted_b| (Naeini et al. 2015)."""
        gaps = np.abs(self.observed - self.predicted)
        return float(np.average(gaps, weights=self.counts))


def measure_calibration(
    predictions: Predictions,
    *,
    bins: int = BINS,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> Calibration:
    """All figures, the ratio's with an interval clustered by user.

    Raises:
        TooLittleData: the outcomes are all alike, or so few users have a positive that the ratio
            has no bounds.
    """
    promised = promised_to_received(predictions)
    low, high = promised.interval(confidence, resamples, rng)
    if not np.isfinite(high):
        raise TooLittleData(
            f"no calibration ratio: {int(predictions.outcomes.sum())} positives are of so few of "
            f"{len(promised)} users that a resample may have none"
        )
    return Calibration(
        rows=predictions.rows,
        positives=int(predictions.outcomes.sum()),
        users=len(promised),
        normalized_entropy=normalized_entropy(predictions),
        ratio=promised.ratio,
        low=low,
        high=high,
        confidence=confidence,
        expected_error=reliability(predictions, bins).expected_error,
    )


def normalized_entropy(predictions: Predictions) -> float:
    """NE = mean log loss / H(p̄), H(p) = -p ln p - (1 - p) ln(1 - p) (He et al. 2014, eq. 1).

    Raises:
        TooLittleData: the outcomes are all alike, so that there is nothing to predict.
    """
    outcomes = predictions.outcomes
    mean = float(outcomes.mean()) if len(outcomes) else 0.0
    if not 0 < mean < 1:
        raise TooLittleData(
            f"no normalised entropy: {int(outcomes.sum())} of {len(outcomes)} outcomes are positive"
        )
    base = -(mean * np.log(mean) + (1 - mean) * np.log1p(-mean))
    return float(_log_loss(predictions).mean() / base)


def promised_to_received(predictions: Predictions) -> Clusters:
    """Sum of probabilities and of outcomes by user; their ratio is the calibration ratio.

    Expected over observed positives (He et al. 2014, section 3).

    Raises:
        TooLittleData: fewer than two users have a positive, so that no interval can be had.
    """
    clusters = by_cluster(
        predictions.probabilities, predictions.outcomes, predictions.users
    )
    if (positive := int((clusters.sizes > 0).sum())) < 2:
        raise TooLittleData(
            f"no calibration ratio: {positive} of {len(clusters)} users have a positive; "
            "2 are needed"
        )
    return clusters


def reliability(predictions: Predictions, bins: int = BINS) -> Reliability:
    """Predicted and observed by bins of equal mass; equal probabilities share one bin.

    So the figures do not depend on the order of rows, also for an isotonic calibrator's steps.
    """
    probabilities = predictions.probabilities
    ascending = np.sort(probabilities)
    edges = ascending[np.arange(1, bins) * len(ascending) // bins]
    code = np.searchsorted(edges, probabilities, side="right")
    counts = np.bincount(code, minlength=bins)
    held = counts > 0
    sums = [
        np.bincount(code, weights=column, minlength=bins)[held] / counts[held]
        for column in (probabilities, predictions.outcomes)
    ]
    return Reliability(counts[held], sums[0], sums[1])


def log_likelihood(
    predictions: Predictions, offsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean log likelihood of each request's rows, [requests]; NaN where it has none.

    Higher is better, so that two models' probabilities can be compared like any metric
    (`Paired`), weighted by the requests' rows. Divided by -H(p̄), differences are those of NE.
    """
    sizes = np.diff(offsets)
    request = np.repeat(np.arange(len(sizes)), sizes)
    sums = np.bincount(request, weights=-_log_loss(predictions), minlength=len(sizes))
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)


def _log_loss(predictions: Predictions) -> NDArray[np.float64]:
    """[rows]."""
    positive = predictions.outcomes > 0
    past = np.where(positive, predictions.probabilities, 1 - predictions.probabilities)
    return -np.log(np.maximum(past, _SMALLEST))
