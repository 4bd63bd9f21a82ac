"""Breadth of what a person takes up, the same for few clicks as for many."""

from typing import ClassVar

import numpy as np

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party

_CLICKS = 5


class Breadth(Measure):
    """Breadth of what a person takes up, the same for few clicks as for many."""

    name: ClassVar[str] = "breadth"
    meaning: ClassVar[str] = (
        "chance that two of a person's clicks are on different categories, of people with five or more"
    )
    party: ClassVar[Party] = Party.PEOPLE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 53

    def figure(self, shown: Exposures) -> Figure:
        if FeedbackKind.CLICK not in shown.answered:
            return not_given("the log has no clicks")
        clicks, categories = shown.of(FeedbackKind.CLICK), shown.catalogue.categories
        category = shown.catalogue.category[clicks.item]
        if not (category != UNKNOWN).any():
            return not_given("no clicked item has a category")
        who = shown.who[clicks.request][category != UNKNOWN]
        held, alike = np.unique(
            who * categories + category[category != UNKNOWN], return_counts=True
        )
        person = held // categories
        size = np.bincount(person, weights=alike, minlength=shown.people)
        same = np.bincount(person, weights=alike * (alike - 1), minlength=shown.people)
        enough = (size >= _CLICKS).astype(np.float64)
        # Unbiased for any number of clicks (Simpson 1949), so that fewer clicks are no narrower.
        apart = 1 - same / np.maximum(size * (size - 1), 1)
        return by_person(shown, np.arange(shown.people), apart * enough, enough)
