"""Novelty: how rarely what is shown was shown before (Vargas & Castells 2011)."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.measure import Better, Measure, Party


class Novelty(Measure):
    """Novelty: how rarely what is shown was shown before (Vargas & Castells 2011)."""

    name: ClassVar[str] = "novelty"
    meaning: ClassVar[str] = (
        "mean of -log2 of the share that an item had of all exposures before, bits"
    )
    party: ClassVar[Party] = Party.VARIETY
    better: ClassVar[Better] = Better.NEITHER
    position: ClassVar[int] = 40

    def figure(self, shown: Exposures) -> Figure:
        bits = -np.log2(shown.popularity)
        return by_person(shown, shown.viewer, shown.weight * bits, shown.weight)
