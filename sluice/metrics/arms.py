"""Two arms of an experiment, served to different people: their relative difference, with an interval."""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.metrics.clusters import Clusters


@dataclass(frozen=True)
class Arm:
    """What was counted of the people of one arm, one entry a person."""

    requests: NDArray[np.float64]
    """[people]; each at least 1."""
    clicks: NDArray[np.float64]
    """[people]."""

    def per_request(self) -> Clusters:
        """Clicks per request: people who ask more count more."""
        return Clusters(self.clicks, self.requests)

    def per_person(self) -> Clusters:
        """Clicks per person: who leaves clicks no more, however good the few requests were."""
        return Clusters(self.clicks, np.ones(len(self.clicks)))


@dataclass(frozen=True)
class ArmComparison:
    """One metric of both arms; the difference is a share of the reference's mean."""

    metric: str
    canary: float
    reference: float
    difference: float
    """canary / reference - 1."""
    low: float
    high: float
    """Bounds of the difference."""
    confidence: float


def compare_arms(
    metric: str, canary: Clusters, reference: Clusters, confidence: float
) -> ArmComparison:
    """The relative difference of two means of different people, with an interval clustered by person.

    The interval is symmetric in the logarithm of the ratio (Katz et al. 1978), whose error is
    √((SE₁/m₁)² + (SE₂/m₂)²) with each arm's jackknife (see `Clusters`), by Student's t with the
    degrees of freedom of Welch and Satterthwaite over the effective clusters. A canary without a
    click is given one by one person before its bounds are taken, so that one that shows nothing at
    all can be found out.

    Raises:
        TooLittleData: an arm has fewer than two people, or the reference no click.
    """
    if min(len(canary), len(reference)) < 2 or reference.sums.sum() == 0:
        raise TooLittleData(
            f"cannot compare {metric}: {len(canary)} people with the canary, {len(reference)} "
            f"without, who clicked {reference.sums.sum():g} times; 2 people each and a click are needed"
        )
    mean, error = _mean_and_error(canary)
    other, other_error = reference.ratio, reference.standard_error()
    parts = ((error / mean) ** 2, (other_error / other) ** 2)
    width = _quantile(confidence, parts, (canary, reference)) * sqrt(sum(parts))
    centre = log(mean / other)
    return ArmComparison(
        metric=metric,
        canary=canary.ratio,
        reference=other,
        difference=canary.ratio / other - 1,
        low=exp(centre - width) - 1 if canary.sums.sum() else -1.0,
        high=exp(centre + width) - 1,
        confidence=confidence,
    )


def _mean_and_error(arm: Clusters) -> tuple[float, float]:
    if arm.sums.sum() > 0:
        return arm.ratio, arm.standard_error()
    mean_and_error = 1 / float(arm.sizes.sum())
    return mean_and_error, mean_and_error


def _quantile(
    confidence: float, parts: tuple[float, float], arms: tuple[Clusters, Clusters]
) -> float:
    from scipy.special import stdtrit

    if not any(parts):
        return 0.0  # nobody differs from anybody: there is no error to multiply
    shares = zip(parts, arms, strict=True)
    spread = sum(part**2 / max(arm.effective - 1, 1) for part, arm in shares)
    freedom = sum(parts) ** 2 / spread
    return float(-stdtrit(freedom, (1 - confidence) / 2))
