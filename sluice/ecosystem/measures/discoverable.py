"""Discoverable corpus: items that are found good within a stated number of exposures (Su et al. 2024)."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party
from sluice.ecosystem.rarefaction import rarefied


class DiscoverableItems(Measure):
    """Discoverable corpus: items that are found good within a stated number of exposures (Su et al. 2024)."""

    name: ClassVar[str] = "discoverable_items"
    meaning: ClassVar[str] = (
        "items that reach the stated number of clicks in the stated number of exposures"
    )
    party: ClassVar[Party] = Party.CATALOGUE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 14

    def figure(self, shown: Exposures) -> Figure:
        if FeedbackKind.CLICK not in shown.answered:
            return not_given("the log has no clicks")
        return rarefied(shown, _clicked(shown), shown.stated.discovered_clicks)


def _clicked(shown: Exposures) -> NDArray[np.bool_]:
    """Whether each row was clicked, [rows]."""
    clicks, items = shown.of(FeedbackKind.CLICK), len(shown.catalogue)
    return np.isin(shown.request * items + shown.item, clicks.request * items + clicks.item)
