"""Providers who stop publishing."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, Interval, Method, not_given
from sluice.ecosystem.intervals import normal
from sluice.ecosystem.measure import Better, Measure, Party

_FEW = 10
"""Providers of whom a share is not told."""


class ProviderChurn(Measure):
    """Providers who stop publishing."""

    name: ClassVar[str] = "provider_churn"
    meaning: ClassVar[str] = (
        "share of the providers who published in the window's first half and not in its second"
    )
    party: ClassVar[Party] = Party.PROVIDERS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 23
    by_segment: ClassVar[bool] = False

    def figure(self, shown: Exposures) -> Figure:
        items = shown.catalogue
        middle = shown.start + (shown.end - shown.start) // 2
        dated = items.provider != UNKNOWN
        early = dated & (items.published >= shown.start) & (items.published < middle)
        late = dated & (items.published >= middle) & (items.published < shown.end)
        active = np.unique(items.provider[early])
        if len(active) < _FEW:
            return not_given(
                f"fewer than {_FEW} providers published in the window's first half"
            )
        stopped = int((~np.isin(active, items.provider[late])).sum())
        return _share(stopped, len(active), shown.stated.confidence)


def _share(stopped: int, active: int, confidence: float) -> Figure:
    """Wilson 1927: providers decide each for themselves, and are few."""
    from scipy.stats import binomtest

    value = stopped / active
    bounds = binomtest(stopped, active).proportion_ci(confidence, method="wilson")
    low, high = float(bounds.low), float(bounds.high)
    error = (high - low) / (2 * normal(confidence))
    interval = Interval(low, high, value, error, Method.PROVIDER_SHARE)
    return Figure(value, interval)
