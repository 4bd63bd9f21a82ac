"""Items: published by providers, hot for hours, shown for days."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN202

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.world.draws import ITEM, PUBLISHES, normal, poisson, uniform
from sluice.world.providers import Providers
from sluice.world.spec import WorldSpec

MOST_POSTS = 60
"""Of a provider a day."""
DAYS_BEFORE = 64
"""Added to a day in an item's key, so that items from before the first day have one."""
_MAIN_TOPIC = 0.75
_HOTNESS = 0.96
_HALF_LIFE = (4.0, 20.0)
"""Hours."""
_DRAWS = 8
"""Kept for each item."""


class Items(NamedTuple):
    """Everything that was ever published, a row an item; never changed, only extended."""

    topic: NDArray[np.int64]
    provider: NDArray[np.int64]
    quality: NDArray[np.float64]
    """Logits."""
    hotness: NDArray[np.float64]
    """Logits at publication."""
    half_life: NDArray[np.float64]
    """Hours."""
    born: NDArray[np.float64]
    """Days since the world's first midnight."""
    key: NDArray[np.int64]
    """Of its draws: by provider, day and number, the same in every twin that published it."""


def no_items() -> Items:
    whole, real = np.empty(0, np.int64), np.empty(0)
    return Items(whole, whole, real, real, real, real, whole)


def publish(
    items: Items, providers: Providers, spec: WorldSpec, seed: int, day: int
) -> Items:
    """The items with those of one day at their end."""
    counts = _counts(providers.alive, providers.rate, seed, day)
    drawn = _draw(counts, providers.topics, spec.item_spread, seed, day)
    return Items._make(np.concatenate(pair) for pair in zip(items, drawn, strict=True))


def live_rows(items: Items, day: int, life: int) -> NDArray[np.int64]:
    """Rows of what can be shown on a day, as soon as it is born."""
    return np.flatnonzero(items.born > day - life)


@njit(cache=True, nogil=True)
def _counts(alive, rate, seed, day):
    counts = np.zeros(len(alive), np.int64)
    for provider in range(len(alive)):
        if alive[provider]:
            chance = uniform(seed, PUBLISHES, day, provider, 0)
            counts[provider] = poisson(chance, rate[provider], MOST_POSTS)
    return counts


@njit(cache=True, nogil=True)
def _draw(counts, topics, spread, seed, day):
    total = counts.sum()
    topic, owner, key = np.empty((3, total), np.int64)
    quality, hotness, half_life, born = np.empty((4, total))
    row = 0
    shortest, longest = _HALF_LIFE
    for provider in range(len(counts)):
        for post in range(counts[provider]):
            nth = post * _DRAWS
            side = uniform(seed, ITEM, day, provider, nth) >= _MAIN_TOPIC
            topic[row] = topics[provider, int(side)]
            owner[row] = provider
            quality[row] = spread * normal(seed, ITEM, day, provider, nth + 1)
            hotness[row] = -_HOTNESS * np.log(uniform(seed, ITEM, day, provider, nth + 3))
            share = uniform(seed, ITEM, day, provider, nth + 4)
            half_life[row] = shortest + (longest - shortest) * share
            born[row] = day + uniform(seed, ITEM, day, provider, nth + 5)
            key[row] = ((day + DAYS_BEFORE) * len(counts) + provider) * (
                MOST_POSTS + 1
            ) + post
            row += 1
    return topic, owner, quality, hotness, half_life, born, key
