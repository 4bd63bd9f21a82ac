"""Steck calibration: whether people are shown their interests in the shares in which they had them."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.exposures import Exposures, Values
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party
from sluice.mechanisms.calibration import MIN_HISTORY, SMOOTHING


class Miscalibration(Measure):
    """Steck calibration: whether people are shown their interests in the shares in which they had them."""

    name: ClassVar[str] = "miscalibration"
    meaning: ClassVar[str] = (
        "mean divergence of what a person is shown from the categories of that person's clicks before the window, nats"
    )
    party: ClassVar[Party] = Party.VARIETY
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 43

    def figure(self, shown: Exposures) -> Figure:
        categories = shown.catalogue.categories
        if not categories:
            return not_given("no item has a category")
        place = np.empty(shown.people, np.int64)
        place[shown.who] = shown.person
        past = shown.interests[place]
        category = shown.catalogue.category[shown.item]
        usable = category != UNKNOWN
        flat = shown.viewer[usable] * categories + category[usable]
        mass = np.bincount(flat, weights=shown.weight[usable], minlength=past.size)
        mass = mass.reshape(past.shape).astype(np.float64)
        judged = (past.sum(axis=1) >= MIN_HISTORY) & (mass.sum(axis=1) > 0)
        values = np.zeros(shown.people)
        values[judged] = divergence(past[judged], mass[judged])
        everybody = np.arange(shown.people)
        return by_person(shown, everybody, values, judged.astype(np.float64))


def divergence(wanted: Values, offered: Values) -> Values:
    """KL(p ‖ q̃), nats, [people, categories] to [people]; both are made shares of 1 first.

    q̃ = (1 - α) q + α p with α = SMOOTHING. Source: Steck 2018, equations 3 to 6.
    """
    from scipy.special import rel_entr

    p, q = (part / part.sum(axis=-1, keepdims=True) for part in (wanted, offered))
    return rel_entr(p, (1 - SMOOTHING) * q + SMOOTHING * p).sum(axis=-1)
