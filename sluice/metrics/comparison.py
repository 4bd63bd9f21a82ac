"""Paired comparison of two rankings of the same requests, with an interval clustered by user."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.metrics.evaluation import Evaluation

POWER = 0.8
"""At which `minimum_detectable` is stated."""


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
    resamples: int = 2000,
    rng: np.random.Generator,
) -> PairedComparison:
    """Compare on the requests that both can be judged on; `users` [requests] are the clusters.

    The interval is the percentile interval of a cluster bootstrap (Davison & Hinkley 1997,
    section 3.8): whole users are drawn with replacement, and the mean is the ratio of the
    resampled sums, because users differ in how many requests they made.

    Raises:
        DataError: the evaluations or `users` are not of the same requests, or lack the metric.
        TooLittleData: fewer than two users have a request that both can be judged on; one
            user gives no interval.
    """
    ours, theirs = candidate.vector(metric), reference.vector(metric)
    if not len(ours) == len(theirs) == len(users):
        raise DataError(
            f"cannot pair {metric}: {len(ours)} candidate requests, {len(theirs)} reference "
            f"requests, {len(users)} users; they must be the same requests in the same order"
        )
    judged = ~np.isnan(ours) & ~np.isnan(theirs)
    differences = ours[judged] - theirs[judged]
    sums, sizes = _by_user(differences, users[judged])
    if len(sums) < 2:
        raise TooLittleData(
            f"cannot compare {metric}: {len(differences)} of {len(users)} requests can be judged "
            f"in both, by {len(sums)} users; 2 users are needed"
        )
    low, high = _interval(sums, sizes, confidence, resamples, rng)
    return PairedComparison(
        metric=metric,
        candidate=float(ours[judged].mean()),
        reference=float(theirs[judged].mean()),
        difference=float(differences.mean()),
        low=low,
        high=high,
        confidence=confidence,
        requests=len(differences),
        clusters=len(sums),
        minimum_detectable=_minimum_detectable(sums, sizes, confidence),
    )


def _by_user(
    differences: NDArray[np.float64], users: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of the differences and count of the requests of each user, [clusters].

    In order of first appearance, so that other codes for the same people draw the same resamples.
    """
    _, first, code = np.unique(users, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    sums = np.bincount(code, weights=differences, minlength=len(first))[appearance]
    sizes = np.bincount(code, minlength=len(first))[appearance]
    return sums.astype(np.float64), sizes.astype(np.float64)


def _interval(
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    from sluice.metrics import kernels

    means = kernels.resampled_means(rng, sums, sizes, resamples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def clustered_standard_error(
    sums: NDArray[np.float64], sizes: NDArray[np.float64]
) -> float:
    """Cluster-robust standard error of the mean of all requests.

    SE² = C / (C - 1) Σ_c (s_c - n_c m)² / N², with s_c and n_c a cluster's sum and size, m the
    mean and N the requests (Liang & Zeger 1986; Cameron & Miller 2015, section II, for an
    intercept only).
    """
    clusters, requests = len(sums), sizes.sum()
    residuals = sums - sizes * (sums.sum() / requests)
    return float(np.sqrt(clusters / (clusters - 1) * np.square(residuals).sum()) / requests)


def _minimum_detectable(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], confidence: float
) -> float:
    normal = NormalDist()
    needed = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(POWER)
    return needed * clustered_standard_error(sums, sizes)
