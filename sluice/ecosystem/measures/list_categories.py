"""How often two items of a request are of different categories: Smyth & McClave with categories as vectors."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.lists import first_rows
from sluice.ecosystem.measure import Better, Measure, Party


class ListCategories(Measure):
    """How often two items of a request are of different categories: Smyth & McClave with categories as vectors."""

    name: ClassVar[str] = "list_categories"
    meaning: ClassVar[str] = (
        "share of pairs of a request's first ten that are of different categories"
    )
    party: ClassVar[Party] = Party.VARIETY
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 42

    def figure(self, shown: Exposures) -> Figure:
        rows = first_rows(shown)
        category = shown.catalogue.category[shown.item[rows]]
        rows, category = rows[category != UNKNOWN], category[category != UNKNOWN]
        keys = shown.request[rows] * max(shown.catalogue.categories, 1) + category
        held, alike = np.unique(keys, return_counts=True)
        request = held // max(shown.catalogue.categories, 1)
        size = np.bincount(request, weights=alike, minlength=shown.requests)
        same = np.bincount(request, weights=alike * (alike - 1), minlength=shown.requests)
        if not (size > 1).any():
            return not_given("no request shows two items with categories")
        sizes = (size > 1).astype(np.float64)
        apart = 1 - same / np.maximum(size * (size - 1), 1)
        return by_person(shown, shown.who, apart * sizes, sizes)
