"""Retrieval: some of what is live and new to the person, the same for every policy of a twin."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917

import numpy as np
from numba import njit

from sluice.world.arrivals import FOLLOW
from sluice.world.draws import RETRIEVED, pair
from sluice.world.people import NONE

_TRIES = 6
"""Items drawn at the most, for each candidate."""
_STRANGER = 0.15
"""Chance on the surface `follow` of an item whose provider the person does not follow."""


@njit(cache=True, nogil=True)
def retrieve(visits, people, items, live, candidates, halves, seed, day):
    """Rows of the candidates, [visits, candidates], NONE where there are fewer.

    `halves` are the sides of a co-diverted experiment, by person and by provider: NONE meets everybody,
    0 and 1 meet their own side alone.
    """
    rows = np.full((len(visits.person), candidates), NONE)
    pool = live.copy()
    swapped = np.empty(_TRIES * candidates, np.int64)
    met = np.full(len(items.born), NONE)
    for visit in range(len(visits.person)):
        _mark(met, people.seen[visits.person[visit]], visit)
        count, drawn = 0, 0
        while count < candidates and drawn < min(len(pool), len(swapped)):
            who = visits.person[visit] * 4 + visits.number[visit]
            chance, other_chance = pair(seed, RETRIEVED, day, who, drawn)
            item = _next(pool, swapped, drawn, chance)
            drawn += 1
            if met[item] != visit and _eligible(
                visits, visit, people, items, item, halves, other_chance
            ):
                rows[visit, count] = item
                count += 1
        # The next visit must find the pool as this one did, however far this one went.
        for nth in range(drawn - 1, -1, -1):
            other = swapped[nth]
            pool[nth], pool[other] = pool[other], pool[nth]
    return rows


@njit(cache=True, nogil=True)
def _mark(met, seen, visit):
    """Note in `met`, [items], what the person of this visit has seen."""
    for item in seen:
        if item != NONE:
            met[item] = visit


@njit(cache=True, nogil=True)
def _next(pool, swapped, drawn, chance):
    """One step of a shuffle (Fisher & Yates), which can be undone."""
    other = drawn + int(chance * (len(pool) - drawn))
    pool[drawn], pool[other] = pool[other], pool[drawn]
    swapped[drawn] = other
    return pool[drawn]


@njit(cache=True, nogil=True)
def _eligible(visits, visit, people, items, item, halves, chance):
    person = visits.person[visit]
    if items.born[item] > visits.time[visit]:
        return False
    provider = items.provider[item]
    side, other = halves[0][person], halves[1][provider]
    if NONE not in (side, other) and side != other:
        return False
    if visits.surface[visit] != FOLLOW or people.follows[person, provider]:
        return True
    return chance <= _STRANGER
