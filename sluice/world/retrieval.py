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
        person = visits.person[visit]
        _mark(met, people.seen[person], visit)
        everybody = visits.surface[visit] != FOLLOW
        key = seed, day, person * 4 + visits.number[visit]
        drawn = _fill(
            rows[visit], pool, swapped, met, visit, items.born, visits.time[visit], items.provider,
            everybody, people.follows[person], halves[0][person], halves[1], key,
        )  # fmt: skip
        # The next visit must find the pool as this one did, however far this one went.
        for nth in range(drawn - 1, -1, -1):
            other = swapped[nth]
            pool[nth], pool[other] = pool[other], pool[nth]
    return rows


@njit(cache=True, nogil=True)
def _fill(
    row, pool, swapped, met, visit, born, time, owner, everybody, follows, side, sides, key
):  # fmt: skip
    """Fill the row of one visit, and say how many items were drawn for it.

    Arrays come one by one: a named tuple that is passed for each item costs more than the draw does.
    """
    count, drawn = 0, 0
    seed, day, who = key
    while count < len(row) and drawn < min(len(pool), len(swapped)):
        chance, other_chance = pair(seed, RETRIEVED, day, who, drawn)
        item = _next(pool, swapped, drawn, chance)
        drawn += 1
        if met[item] == visit or born[item] > time:
            continue
        provider = owner[item]
        if side != NONE and sides[provider] not in (NONE, side):
            continue
        if everybody or follows[provider] or other_chance <= _STRANGER:
            row[count] = item
            count += 1
    return drawn


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
