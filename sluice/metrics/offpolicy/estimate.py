"""A policy's estimated value, or the reason why none is given."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError
from sluice.metrics.clusters import by_cluster
from sluice.metrics.offpolicy.contributions import Contributions, Estimator
from sluice.metrics.offpolicy.diagnostics import Diagnostics, diagnose
from sluice.metrics.offpolicy.interval import interval
from sluice.metrics.offpolicy.limits import Limits
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.slates import LoggedSlates


class Verdict(StrEnum):
    """How far an answer may be relied on."""

    ESTIMATE = "estimate"
    FLAGGED = "flagged"
    """A number, with reasons to mistrust it."""
    REFUSED = "refused"
    """No number."""


@dataclass(frozen=True)
class Estimate:
    """The target policy's mean reward, a decision or a request."""

    estimator: str
    value: float
    low: float
    high: float
    """Bounds of the interval, people resampled and a bias bound included."""
    confidence: float
    standard_error: float
    """Clustered by user, without the interval's extra decision."""
    diagnostics: Diagnostics
    warnings: tuple[str, ...]
    """Why it is flagged, a sentence each."""

    @property
    def verdict(self) -> Verdict:
        return Verdict.FLAGGED if self.warnings else Verdict.ESTIMATE


@dataclass(frozen=True)
class Refusal:
    """The answer that is no number: it has no value, and neither `float` nor arithmetic takes it."""

    estimator: str
    reason: str
    diagnostics: Diagnostics

    @property
    def verdict(self) -> Verdict:
        return Verdict.REFUSED


Log = TypeVar("Log", LoggedDecisions, LoggedSlates)


def estimate(
    estimator: Estimator[Log],
    log: Log,
    *,
    confidence: float = 0.95,
    limits: Limits | None = None,
) -> Estimate | Refusal:
    """Value of the log's target policy, with its interval; refused where `limits` say so.

    Raises:
        ConfigError: `confidence` is not between 0 and 1, or the log's slot probabilities are
            not what the estimator needs.
        DataError: the estimator's predictions are of another log.
    """
    if not 0 < confidence < 1:
        raise ConfigError(
            f"confidence {confidence}: give a share between 0 and 1, e.g. 0.95"
        )
    limits = Limits() if limits is None else limits
    contributions = estimator.contributions(log)
    diagnostics = diagnose(contributions.weights, _by_decision(log), log.users, log.overlap)
    reasons = (*limits.refusals(diagnostics), *_unrewarded(log))
    if reasons:
        return Refusal(estimator.name, "; ".join(reasons), diagnostics)
    low, high = interval(contributions, log.users, confidence)
    if log.rewards.min() >= 0 and (reasons := limits.too_wide(low, high)):
        return Refusal(estimator.name, "; ".join(reasons), diagnostics)
    return Estimate(
        estimator=estimator.name,
        value=float(contributions.values.mean()),
        low=low,
        high=high,
        confidence=confidence,
        standard_error=_standard_error(contributions, log),
        diagnostics=diagnostics,
        warnings=limits.warnings(diagnostics),
    )


def _by_decision(log: LoggedDecisions | LoggedSlates) -> NDArray[np.float64]:
    """Rewards, [decisions]; of a slate the sum."""
    if isinstance(log, LoggedSlates):
        return np.add.reduceat(log.rewards, log.offsets[:-1])
    return log.rewards


def _unrewarded(log: LoggedDecisions | LoggedSlates) -> tuple[str, ...]:
    """A log whose rewards are all alike gives an interval of no width, which is false."""
    if np.ptp(log.rewards) > 0:
        return ()
    return (f"all {len(log.rewards):,} logged rewards are {log.rewards[0]:g}",)


def _standard_error(
    contributions: Contributions, log: LoggedDecisions | LoggedSlates
) -> float:
    return by_cluster(
        contributions.values, np.ones(len(contributions.values)), log.users
    ).standard_error()
