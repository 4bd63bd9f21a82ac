"""What new items get of the exposure."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class NewItems(Measure):
    """What new items get of the exposure."""

    name: ClassVar[str] = "new_items_share"
    meaning: ClassVar[str] = (
        "share of exposure of items that are new, where their age is known"
    )
    party: ClassVar[Party] = Party.FRESHNESS
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 30

    def figure(self, shown: Exposures) -> Figure:
        dated = np.isfinite(shown.age)
        if not dated.any():
            return not_given("no shown item says when it was published")
        new = dated & (shown.age < shown.stated.new_for)
        return by_person(shown, shown.viewer, shown.weight * new, shown.weight * dated)
