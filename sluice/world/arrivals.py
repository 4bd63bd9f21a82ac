"""Arrivals: who comes on a day, how often, when, and to which surface."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN202

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.world.draws import COMES, ORDER, SURFACE, TIME, VISITS, uniform
from sluice.world.people import People, logistic

WAVES = 3
"""Thirds of a day: what is known of items and people is read anew at the start of each."""
SURFACES = ("for_you", "follow")
FOLLOW = 1
_FOLLOW_SHARE = 0.25
_SECOND, _THIRD = 0.5, 0.2


class Visits(NamedTuple):
    """Requests in time order; [visits] each."""

    person: NDArray[np.int64]
    number: NDArray[np.int64]
    """Of the person's visit that day, 0 the first drawn."""
    time: NDArray[np.float64]
    """Days since the world's first midnight."""
    surface: NDArray[np.int64]


def draw_visits(people: People, loyalty: float, seed: int, day: int) -> tuple[Visits, ...]:
    """The visits of a day in its waves; nobody comes twice in one."""
    visits, wave = _draw(people.habit + loyalty * people.satisfaction, seed, day)
    order = np.lexsort((visits[0], visits[2], wave))
    cuts = np.searchsorted(wave[order], np.arange(1, WAVES))
    parts = np.split(order, cuts)
    return tuple(Visits._make(column[part] for column in visits) for part in parts)


@njit(cache=True, nogil=True)
def _draw(logit, seed, day):
    most = len(logit) * WAVES
    person, number, surface, wave = np.empty((4, most), np.int64)
    time = np.empty(most)
    count = 0
    for who in range(len(logit)):
        if uniform(seed, COMES, day, who, 0) > logistic(logit[who]):
            continue
        visits = 1 + int(uniform(seed, VISITS, day, who, 0) < _SECOND)
        visits += int(uniform(seed, VISITS, day, who, 1) < _THIRD)
        first = int(uniform(seed, ORDER, day, who, 0) * WAVES)
        for nth in range(visits):
            person[count], number[count] = who, nth
            wave[count] = (first + nth) % WAVES
            within = uniform(seed, TIME, day, who, nth)
            time[count] = day + (wave[count] + within) / WAVES
            surface[count] = int(uniform(seed, SURFACE, day, who, nth) < _FOLLOW_SHARE)
            count += 1
    columns = person[:count], number[:count], time[:count], surface[:count]
    return columns, wave[:count]
