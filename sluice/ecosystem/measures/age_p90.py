"""Freshness at exposure: the age below which nine tenths of the exposure lies."""

from typing import ClassVar

from sluice.ecosystem.ages import age_quantile
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.measure import Better, Measure, Party


class AgeP90(Measure):
    """Freshness at exposure: the age below which nine tenths of the exposure lies."""

    name: ClassVar[str] = "age_p90_hours"
    meaning: ClassVar[str] = "age, hours, below which nine tenths of the exposure lies"
    party: ClassVar[Party] = Party.FRESHNESS
    better: ClassVar[Better] = Better.NEITHER
    position: ClassVar[int] = 32

    def figure(self, shown: Exposures) -> Figure:
        return age_quantile(shown, 0.9)
