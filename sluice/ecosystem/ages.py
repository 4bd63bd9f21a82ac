"""Quantiles of the age at which exposure happens."""

import numpy as np

from sluice.ecosystem.by_person import person_sums
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, Interval, Method, not_given
from sluice.ecosystem.intervals import normal, student

HOUR = 3_600_000_000
"""µs."""
DAY = 24 * HOUR


def age_quantile(shown: Exposures, share: float) -> Figure:
    """The least age, in hours, at or below which `share` of the exposure of known age lies.

    The interval is that of the share below, turned into ages (Woodruff 1952).
    """
    rows = shown.by_age
    if not len(rows):
        return not_given("no shown item says when it was published")
    ages, weights = shown.age[rows], shown.weight[rows]
    below = np.cumsum(weights)
    below /= below[-1]

    def at(part: float) -> float:
        return float(ages[min(np.searchsorted(below, part - 1e-12), len(ages) - 1)]) / HOUR

    value = at(share)
    under = ages <= value * HOUR
    people = person_sums(shown, shown.viewer[rows], weights * under, weights)
    if len(people) < shown.stated.min_people:
        return not_given(f"fewer than {shown.stated.min_people} people have any")
    reach = people.standard_error() * student(people.effective, shown.stated.confidence)
    low, high = at(max(share - reach, 0.0)), at(min(share + reach, 1.0))
    error = (high - low) / (2 * normal(shown.stated.confidence))
    return Figure(value, Interval(low, high, value, error, Method.PERSON_QUANTILE))
