"""One number of a scorecard: its value, its interval, or why there is none."""

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How an interval was made; which one is right depends on the figure."""

    PERSON_RATIO = "ratio of sums by person"
    """Means and shares: linearised over people, with Student's t of the effective people."""
    BIAS_CORRECTED = "bias-corrected resamples of people"
    """Concentrations, which any finite log overstates: 2 θ̂ - mean θ* ± z sd θ*."""
    RAREFACTION = "rarefaction, linearised by person"
    PERSON_QUANTILE = "quantiles at the bounds of the share below, by person"
    """Woodruff 1952."""
    PROVIDER_RESAMPLES = "percentiles of resampled providers"
    PROVIDER_SHARE = "Wilson interval over providers"


@dataclass(frozen=True)
class Interval:
    """Where the figure of many more such exposures lies, with the scorecard's confidence."""

    low: float
    high: float
    centre: float
    """The estimate; apart from the value of these exposures where that is biased."""
    error: float
    """Standard error of the centre."""
    method: Method


@dataclass(frozen=True)
class Figure:
    """A measure of some exposures."""

    value: float | None
    """Of exactly these exposures; None where the log cannot give it."""
    interval: Interval | None
    reason: str | None = None
    """Why the value or the interval is not there."""


def not_given(reason: str) -> Figure:
    """A figure that this log cannot give; never a zero."""
    return Figure(None, None, reason)


def without_interval(value: float, reason: str) -> Figure:
    """A value whose interval would be wrong."""
    return Figure(value, None, reason)
