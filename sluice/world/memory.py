"""What the platform knows of people, items and providers, from its own log: counters, and features read from them."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.world.people import NONE
from sluice.world.spec import WorldSpec

FEATURES = ("topic_rate", "item_rate", "provider_rate", "age_days", "item_clicks")
"""Logits of smoothed click rates, days since publication, and the logarithm of 1 + clicks."""
GOES_ON = 0.93
"""Chance of looking at one slot more; the platform knows it."""
_FADE = 0.97
_TOPIC, _ITEM, _PROVIDER = 8.0, 20.0, 30.0
"""Views that the mean rate weighs as much as."""
_LEAST = 1e-4
FIRST_RATE = 0.12


class Memory(NamedTuple):
    """Expected views and clicks, last axis; arrays are changed in place."""

    topic: NDArray[np.float64]
    """[people, topics, 2]."""
    item: NDArray[np.float64]
    """[items, 2]."""
    provider: NDArray[np.float64]
    """[providers, 2]."""


def no_memory(spec: WorldSpec, providers: int) -> Memory:
    return Memory(
        np.zeros((spec.people, spec.topics, 2)), np.zeros((0, 2)), np.zeros((providers, 2))
    )


def with_items(memory: Memory, items: int) -> Memory:
    """The same with rows for so many items."""
    new = np.zeros((items - len(memory.item), 2))
    return memory._replace(item=np.concatenate([memory.item, new]))


def fade(memory: Memory) -> None:
    """A night: what was long ago counts less."""
    memory.topic[:] *= _FADE
    memory.provider[:] *= _FADE


@njit(cache=True, nogil=True)
def read(visits, rows, items, memory, mean_rate):
    """Features of the candidates, [visits, candidates, features]; NaN where there is none."""
    shape = (rows.shape[0], rows.shape[1], len(FEATURES))
    features = np.full(shape, np.nan, np.float32)
    for visit in range(rows.shape[0]):
        person = visits.person[visit]
        for nth in range(rows.shape[1]):
            item = rows[visit, nth]
            if item == NONE:
                break
            topic = memory.topic[person, items.topic[item]]
            provider = memory.provider[items.provider[item]]
            cell = features[visit, nth]
            cell[0] = _logit(topic, mean_rate, _TOPIC)
            cell[1] = _logit(memory.item[item], mean_rate, _ITEM)
            cell[2] = _logit(provider, mean_rate, _PROVIDER)
            cell[3] = visits.time[visit] - items.born[item]
            cell[4] = np.log1p(memory.item[item, 1])
    return features


@njit(cache=True, nogil=True)
def _logit(counts, mean_rate, weight):
    rate = (counts[1] + weight * mean_rate) / (counts[0] + weight)
    bounded = min(max(rate, _LEAST), 1.0 - _LEAST)
    return np.log(bounded / (1.0 - bounded))
