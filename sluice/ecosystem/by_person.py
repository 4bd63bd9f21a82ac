"""Ratios of sums with people as unit."""

import numpy as np

from sluice.ecosystem.exposures import Codes, Exposures, Values
from sluice.ecosystem.figure import Figure
from sluice.ecosystem.intervals import ratio
from sluice.metrics.clusters import Clusters


def by_person(shown: Exposures, who: Codes, values: Values, sizes: Values) -> Figure:
    """Σ values / Σ sizes, all [rows of any kind]; `who` numbers people as `Exposures.who` does.

    Whose sizes are 0 takes no part.
    """
    return ratio(person_sums(shown, who, values, sizes), shown.stated)


def person_sums(shown: Exposures, who: Codes, values: Values, sizes: Values) -> Clusters:
    """Both columns added up by person, without those whose sizes are 0."""
    sums, parts = (
        np.bincount(who, weights=column, minlength=shown.people).astype(np.float64)
        for column in (values, sizes)
    )
    there = parts > 0
    return Clusters(sums[there], parts[there])
