"""How long a new item takes to its first hundred impressions, or as many as are stated."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.ages import HOUR
from sluice.ecosystem.arrival import Arrivals, medians
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import (
    Figure,
    Interval,
    Method,
    not_given,
    without_interval,
)
from sluice.ecosystem.intervals import normal
from sluice.ecosystem.measure import Better, Measure, Party

_FEW = 10
"""Providers below whom there is no interval."""


class FirstImpressions(Measure):
    """How long a new item takes to its first hundred impressions, or as many as are stated."""

    name: ClassVar[str] = "hours_to_first_impressions"
    meaning: ClassVar[str] = (
        "median hours from publishing to the stated number of impressions, items of the window that have not come so far included"
    )
    party: ClassVar[Party] = Party.FRESHNESS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 33

    def figure(self, shown: Exposures) -> Figure:
        arrivals = Arrivals.of(shown)
        if not len(arrivals.waited):
            return not_given(
                "no item of the catalogue says that it was published in the window"
            )
        value = float(medians(arrivals, np.ones((1, len(arrivals.waited))))[0]) / HOUR
        if not np.isfinite(value):
            needed = shown.stated.first_impressions
            return not_given(
                f"fewer than half of the window's items reach {needed} impressions"
            )
        return _bounded(value, arrivals, shown)


def _bounded(value: float, arrivals: Arrivals, shown: Exposures) -> Figure:
    """With percentiles of resampled providers: items of one provider are not each a witness."""
    if arrivals.owners < _FEW:
        return without_interval(value, f"fewer than {_FEW} providers published")
    stated = shown.stated
    if not stated.resamples:
        return without_interval(value, "nothing was resampled")
    resampled = medians(arrivals, arrivals.draws(stated.resamples)) / HOUR
    tail = (1 - stated.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], method="nearest").tolist()
    if not np.isfinite(high):
        return without_interval(
            value, "too many items have not come so far for an upper bound"
        )
    error = (high - low) / (2 * normal(stated.confidence))
    return Figure(value, Interval(low, high, value, error, Method.PROVIDER_RESAMPLES))
