"""The arrays that the feature kernel reads and writes: counters, the pair table, event queues."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EXPOSURE, CLICK = 0, 1
NEVER = np.iinfo(np.int64).min
"""Time of something that has not happened."""
UNKNOWN = -1
"""Code of an item, person, provider or category that the state has never met."""
RING = 8
"""Clicks remembered per person, in order."""


class PairTable(NamedTuple):
    """A hash table from pairs of codes to counts; `sluice.features.pairs` reads and writes it."""

    slots: NDArray[np.int64]
    """[capacity, 2]: key, or EMPTY where free, and its counts, side by side because every look-up
    lands somewhere else in memory: 32 bits of exposures below 32 of clicks. Open addressing."""
    used: NDArray[np.int64]
    """[1] keys in the table."""


class Counters(NamedTuple):
    """Everything known before the state's clock, by dense code."""

    counts: NDArray[np.int32]
    """[items, 2, W + 1] exposures and clicks within each window, and in all of time."""
    decayed: NDArray[np.float64]
    """[items, 2, H] as of `touched`."""
    touched: NDArray[np.int64]
    """[items, 2] µs of the last event."""
    born: NDArray[np.int64]
    """[items] µs of publication, or of the first exposure where that is not known."""
    provider: NDArray[np.int32]
    """[items] code, or UNKNOWN."""
    category: NDArray[np.int32]
    totals: NDArray[np.int64]
    """[2] exposures and clicks of the whole surface."""
    ring: NDArray[np.int32]
    """[users, RING] last clicked items, a ring written at `clicked % RING`."""
    clicked: NDArray[np.int32]
    """[users] clicks so far."""
    followed: NDArray[np.int32]
    """[items] clicks that were followed by another click of the same person."""
    seen: PairTable
    """Exposures and clicks of person × item: nearly a key for each exposure."""
    tastes: PairTable
    """Clicks of person × provider, person × category and item × next item: so few that they stay
    near the processor, which they would not among the pairs above."""


class Queue(NamedTuple):
    """Events in the order in which they become known; those before `applied` are in the counters."""

    at: NDArray[np.int64]
    """[events] µs since when each event may be counted: its receipt plus the embargo."""
    item: NDArray[np.int32]
    user: NDArray[np.int32]
    answers: NDArray[np.bool_]
    """[events] whether a click answers a logged exposure; always true for exposures."""
    applied: NDArray[np.int64]
    """[1] events counted so far."""
    expired: NDArray[np.int64]
    """[W] events that have left each window again."""


class Facts(NamedTuple):
    """What is said of items, in the order in which it begins to hold."""

    at: NDArray[np.int64]
    """[facts] µs since when the fact holds."""
    item: NDArray[np.int32]
    provider: NDArray[np.int32]
    category: NDArray[np.int32]
    born: NDArray[np.int64]
    """[facts] µs of publication, or NEVER where that is not known."""
    applied: NDArray[np.int64]
    """[1]."""


class Events(NamedTuple):
    """All that a state was told, counted or waiting."""

    facts: Facts
    exposures: Queue
    clicks: Queue


class Requests(NamedTuple):
    """Requests in time order, in codes."""

    ts: NDArray[np.int64]
    """[requests] µs."""
    offsets: NDArray[np.int64]
    """[requests + 1] row bounds."""
    users: NDArray[np.int32]
    """[requests]."""
    items: NDArray[np.int32]
    """[rows]."""


EMPTY = np.int64(-1)


def empty_counters(windows: int, half_lives: int) -> Counters:
    """Counters that have seen nothing; `grow` makes room."""
    return Counters(
        counts=np.zeros((0, 2, windows + 1), np.int32),
        decayed=np.zeros((0, 2, half_lives), np.float64),
        touched=np.zeros((0, 2), np.int64),
        born=np.zeros(0, np.int64),
        provider=np.zeros(0, np.int32),
        category=np.zeros(0, np.int32),
        totals=np.zeros(2, np.int64),
        ring=np.zeros((0, RING), np.int32),
        clicked=np.zeros(0, np.int32),
        followed=np.zeros(0, np.int32),
        seen=empty_table(16),
        tastes=empty_table(16),
    )


def empty_table(capacity: int) -> PairTable:
    """A table without a key; the capacity is a power of two."""
    slots = np.zeros((capacity, 2), np.int64)
    slots[:, 0] = EMPTY
    return PairTable(slots, np.zeros(1, np.int64))


def empty_queue(windows: int) -> Queue:
    return Queue(
        at=np.zeros(0, np.int64),
        item=np.zeros(0, np.int32),
        user=np.zeros(0, np.int32),
        answers=np.zeros(0, np.bool_),
        applied=np.zeros(1, np.int64),
        expired=np.zeros(windows, np.int64),
    )


def empty_facts() -> Facts:
    codes = np.zeros(0, np.int32)
    times = np.zeros(0, np.int64)
    return Facts(times, codes, codes, codes, times, np.zeros(1, np.int64))


def merged_facts(old: Facts, new: Facts) -> Facts:
    """What is not yet believed of both, in the order in which it begins to hold."""
    waiting = int(old.applied[0])
    at = np.concatenate([old.at[waiting:], new.at])
    order = np.argsort(at, kind="stable")
    return Facts(
        at=at[order],
        item=np.concatenate([old.item[waiting:], new.item])[order],
        provider=np.concatenate([old.provider[waiting:], new.provider])[order],
        category=np.concatenate([old.category[waiting:], new.category])[order],
        born=np.concatenate([old.born[waiting:], new.born])[order],
        applied=np.zeros(1, np.int64),
    )


def _longer(array: NDArray, length: int, fill: int) -> NDArray:
    if length <= len(array):
        return array
    room = np.full((max(length, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    room[: len(array)] = array
    return room


def grow(counters: Counters, items: int, users: int) -> Counters:
    """Room for that many items and users; existing counts stay."""
    return counters._replace(
        counts=_longer(counters.counts, items, 0),
        decayed=_longer(counters.decayed, items, 0),
        touched=_longer(counters.touched, items, 0),
        born=_longer(counters.born, items, NEVER),
        provider=_longer(counters.provider, items, UNKNOWN),
        category=_longer(counters.category, items, UNKNOWN),
        followed=_longer(counters.followed, items, 0),
        ring=_longer(counters.ring, users, UNKNOWN),
        clicked=_longer(counters.clicked, users, 0),
    )
