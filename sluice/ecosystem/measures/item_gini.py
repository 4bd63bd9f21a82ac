"""Gini of the items' exposure."""

from typing import ClassVar

from sluice.ecosystem.concentration import GINI
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.measure import Better, Measure, Party


class ItemGini(Measure):
    """Gini of the items' exposure."""

    name: ClassVar[str] = "item_gini"
    meaning: ClassVar[str] = (
        "Gini of items' exposure, the never-shown among them; 0 all equal"
    )
    party: ClassVar[Party] = Party.CATALOGUE
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 10

    def figure(self, shown: Exposures) -> Figure:
        return shown.over_items.figure(GINI, shown.stated)
