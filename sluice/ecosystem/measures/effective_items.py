"""Effective catalogue: e to the entropy of the items' shares (Hill 1973)."""

from typing import ClassVar

from sluice.ecosystem.concentration import EFFECTIVE
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.measure import Better, Measure, Party


class EffectiveItems(Measure):
    """Effective catalogue: e to the entropy of the items' shares (Hill 1973)."""

    name: ClassVar[str] = "effective_items"
    meaning: ClassVar[str] = (
        "equally exposed items that would spread exposure as widely, e^H"
    )
    party: ClassVar[Party] = Party.CATALOGUE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 11

    def figure(self, shown: Exposures) -> Figure:
        return shown.over_items.figure(EFFECTIVE, shown.stated)
