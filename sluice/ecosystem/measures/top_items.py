"""What the most exposed tenth of the catalogue gets."""

from typing import ClassVar

from sluice.ecosystem.concentration import TOP
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.measure import Better, Measure, Party


class TopItems(Measure):
    """What the most exposed tenth of the catalogue gets."""

    name: ClassVar[str] = "top_items_share"
    meaning: ClassVar[str] = "share of exposure of the most exposed tenth of the catalogue"
    party: ClassVar[Party] = Party.CATALOGUE
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 12

    def figure(self, shown: Exposures) -> Figure:
        return shown.over_items.figure(TOP, shown.stated)
