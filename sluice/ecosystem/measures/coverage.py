"""How much of the catalogue a stated number of exposures shows."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party
from sluice.ecosystem.rarefaction import rarefied


class Coverage(Measure):
    """How much of the catalogue a stated number of exposures shows."""

    name: ClassVar[str] = "coverage"
    meaning: ClassVar[str] = (
        "share of the catalogue that is shown at least once in the stated number of exposures"
    )
    party: ClassVar[Party] = Party.CATALOGUE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 13

    def figure(self, shown: Exposures) -> Figure:
        if not shown.catalogue.listed:
            return not_given("the log lists only items that it saw")
        items = rarefied(shown, np.ones(len(shown.item), np.bool_), 1)
        return items.divided(len(shown.catalogue))
