"""Paired comparison of two rankings of the same requests, with an interval clustered by user."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.metrics.clusters import Clusters, by_cluster
from sluice.metrics.evaluation import Evaluation
from sluice.metrics.pairing import Paired, pair

POWER = 0.8
"""At which `minimum_detectable` is stated."""
RESAMPLES = 2000


@dataclass(frozen=True)
class PairedComparison:
    """Mean per-request difference of one metric, candidate minus reference."""

    metric: str
    candidate: float
    reference: float
    difference: float
    low: float
    high: float
    """Bounds of the bootstrap interval of the difference, users resampled with replacement."""
    confidence: float
    requests: int
    """Requests that both rankings could be judged on."""
    clusters: int
    """Users among them."""
    minimum_detectable: float
    """Smallest true difference that would be found with 80 % power at this confidence."""


def compare(  # noqa: PLR0913 (what is compared, then how; a settings object would hide it)
    candidate: Evaluation,
    reference: Evaluation,
    users: NDArray[np.int64],
    metric: str,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> PairedComparison:
    """Compare on the requests that both can be judged on; `users` [requests] are the clusters.

    Raises:
        DataError: the evaluations or `users` are not of the same requests, or lack the metric.
        TooLittleData: fewer than two users have a request that both can be judged on; one
            user gives no interval.
    """
    paired = pair(candidate, reference, users, metric)
    return compare_pairs(paired, confidence=confidence, resamples=resamples, rng=rng)


def compare_pairs(
    paired: Paired,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> PairedComparison:
    """Compare the sides of a pair; the interval and the error are those of `clusters.Clusters`.

    Raises:
        TooLittleData: fewer than two users have a request that both can be judged on.
    """
    judged = paired.judged()
    clusters = clustered_differences(judged)
    if len(clusters) < 2:
        raise TooLittleData(
            f"cannot compare {paired.metric}: {judged.requests} of {paired.requests} requests "
            f"can be judged in both, by {len(clusters)} users; 2 users are needed"
        )
    low, high = clusters.interval(confidence, resamples, rng)
    return PairedComparison(
        metric=paired.metric,
        candidate=float(np.average(judged.candidate, weights=judged.weights)),
        reference=float(np.average(judged.reference, weights=judged.weights)),
        difference=clusters.ratio,
        low=low,
        high=high,
        confidence=confidence,
        requests=judged.requests,
        clusters=len(clusters),
        minimum_detectable=_minimum_detectable(clusters, confidence),
    )


def clustered_differences(judged: Paired) -> Clusters:
    """Candidate minus reference by user, of requests that both could be judged on."""
    differences = judged.candidate - judged.reference
    return by_cluster(judged.weights * differences, judged.weights, judged.users)


def _minimum_detectable(clusters: Clusters, confidence: float) -> float:
    normal = NormalDist()
    needed = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    return needed * clusters.standard_error()
