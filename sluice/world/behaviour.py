"""What people do: they look down the list, click what appeals, tire of topics, and value the visit."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.world.ads import winner
from sluice.world.draws import AD_CLICK, CLICK, DWELL, GOES_ON, uniform
from sluice.world.memory import GOES_ON as PATIENCE
from sluice.world.people import NONE, logistic

_BASE, _AD_BASE = -3.0, -3.6
"""Logits of a click on what is average and cold."""
_FOLLOWED = 0.5
_AD_TASTE = 0.6
_DWELL = 3.0
"""Logarithm of the seconds spent on what is average."""
_WORTH = 20.0
"""Seconds of dwell that are worth ln 2."""
_SPREAD = 0.7
"""Standard deviation of the logarithm of dwell, uniform."""


class Outcome(NamedTuple):
    """What became of the visits; [visits, slots] each, filled by `behave`."""

    clicked: NDArray[np.bool_]
    examined: NDArray[np.bool_]
    dwell: NDArray[np.float64]
    """Seconds; 0 without a click."""
    chance: NDArray[np.float64]
    """The truth: probability of a click if examined."""
    ad: NDArray[np.int64]
    """Advertiser above this slot, NONE for none."""
    ad_clicked: NDArray[np.bool_]


class Appeal(NamedTuple):
    """Parameters of the world that decide what people do."""

    satiation: float
    annoyance: float
    ad_reserve: float
    ad_annoyance: float


def no_outcome(visits: int, slots: int) -> Outcome:
    shape = visits, slots
    no, zero = np.zeros(shape, np.bool_), np.zeros(shape)
    return Outcome(no, no.copy(), zero, zero.copy(), np.full(shape, NONE), no.copy())


@njit(cache=True, nogil=True)
def behave(
    visits, shown, world, advertisers, places, quality, appeal, outcome, value, seed, day
):
    """Let the visits of a wave happen, in time order, and fill `outcome`.

    Args:
        visits: of the wave.
        shown: [visits, slots]; rows of items.
        world: people, items and memory; changed in place.
        advertisers: changed in place.
        places: [slots]; organic slots above which an ad may stand.
        quality: [providers]; logits.
        appeal: parameters.
        outcome: is filled.
        value: [people]; the day's value so far, is added to.
        seed: of the world.
        day: of the wave.
    """
    people, items, memory = world
    for visit in range(len(visits.person)):
        person = visits.person[visit]
        key = person * 4 + visits.number[visit]
        for slot in range(shown.shape[1]):
            item = shown[visit, slot]
            outcome.chance[visit, slot] = _chance(
                people, person, items, item, quality, visits.time[visit], appeal.satiation
            )
        goes_on = True
        for slot in range(shown.shape[1]):
            item = shown[visit, slot]
            _count_view(memory, person, items, item, slot)
            if not goes_on:
                continue
            if places[slot]:
                _meet_ad(
                    people,
                    person,
                    advertisers,
                    appeal,
                    outcome,
                    visit,
                    slot,
                    value,
                    seed,
                    day,
                    key,
                )
            _look(
                people,
                person,
                items,
                item,
                quality,
                appeal,
                outcome,
                visit,
                slot,
                value,
                seed,
                day,
                key,
            )
            if outcome.clicked[visit, slot]:
                _count_click(memory, person, items, item)
            goes_on = uniform(seed, GOES_ON, day, key, slot) < PATIENCE


@njit(cache=True, nogil=True)
def _chance(people, person, items, item, quality, time, satiation):
    topic, provider = items.topic[item], items.provider[item]
    hours = (time - items.born[item]) * 24.0
    return logistic(
        _BASE
        + people.taste[person, topic]
        - satiation * people.sated[person, topic]
        + items.quality[item]
        + quality[provider]
        + _FOLLOWED * people.follows[person, provider]
        + items.hotness[item] * 2.0 ** (-hours / items.half_life[item])
    )


@njit(cache=True, nogil=True)
def _meet_ad(
    people, person, advertisers, appeal, outcome, visit, slot, value, seed, day, key
):
    ad = winner(advertisers, appeal.ad_reserve, outcome.ad[visit, :slot])
    if ad == NONE:
        return
    outcome.ad[visit, slot] = ad
    advertisers.counts[ad, 0] += 1
    value[person] -= appeal.ad_annoyance
    taste = people.taste[person, advertisers.topic[ad]]
    if uniform(seed, AD_CLICK, day, key, slot) < logistic(_AD_BASE + _AD_TASTE * taste):
        advertisers.counts[ad, 1] += 1
        outcome.ad_clicked[visit, slot] = True


@njit(cache=True, nogil=True)
def _look(
    people,
    person,
    items,
    item,
    quality,
    appeal,
    outcome,
    visit,
    slot,
    value,
    seed,
    day,
    key,
):
    topic = items.topic[item]
    sated = people.sated[person, topic]
    outcome.examined[visit, slot] = True
    value[person] -= appeal.annoyance * sated
    if uniform(seed, CLICK, day, key, items.key[item]) < outcome.chance[visit, slot]:
        merit = 0.6 * (items.quality[item] + quality[items.provider[item]])
        luck = (uniform(seed, DWELL, day, key, items.key[item]) - 0.5) * np.sqrt(12.0)
        dwell = np.exp(_DWELL + merit - 0.3 * appeal.satiation * sated + _SPREAD * luck)
        outcome.clicked[visit, slot] = True
        outcome.dwell[visit, slot] = dwell
        value[person] += np.log1p(dwell / _WORTH)
    people.sated[person, topic] += 1.0
    people.seen[person, people.cursor[person]] = item
    people.cursor[person] = (people.cursor[person] + 1) % people.seen.shape[1]


@njit(cache=True, nogil=True)
def _count_view(memory, person, items, item, slot):
    view = PATIENCE**slot
    memory.topic[person, items.topic[item], 0] += view
    memory.item[item, 0] += view
    memory.provider[items.provider[item], 0] += view


@njit(cache=True, nogil=True)
def _count_click(memory, person, items, item):
    memory.topic[person, items.topic[item], 1] += 1.0
    memory.item[item, 1] += 1.0
    memory.provider[items.provider[item], 1] += 1.0
