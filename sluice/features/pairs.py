"""A hash table from pairs of codes to counters, compiled into the kernel.

Open addressing with linear probing over arrays, so that the table is part of a state which is saved
without objects, and a key is found by what it is, never by the order in which keys came.
"""

import numpy as np
from numba import njit

from sluice.features.counters import EMPTY, Counters

USER_ITEM, USER_PROVIDER, USER_CATEGORY, ITEM_ITEM = 1, 2, 3, 4

_CODE_BITS = 30
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)


@njit(cache=True, nogil=True)
def pair_key(kind: int, first: int, second: int) -> int:
    """One integer for a pair of codes below 2^30."""
    return (kind << (2 * _CODE_BITS)) | (first << _CODE_BITS) | second


@njit(cache=True, nogil=True)
def find(counters: Counters, key: int) -> int:
    """Slot of the key, or the free slot where it would go."""
    mask = len(counters.pair_keys) - 1
    slot = np.int64((np.uint64(key) * _MIX) >> np.uint64(20)) & mask
    while counters.pair_keys[slot] != key and counters.pair_keys[slot] != EMPTY:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def count_pair(counters: Counters, key: int, event: int) -> None:
    """Add one event to the pair; the caller has made room."""
    slot = find(counters, key)
    if counters.pair_keys[slot] == EMPTY:
        counters.pair_keys[slot] = key
        counters.pairs[0] += 1
    counters.pair_values[slot, event] += 1


@njit(cache=True, nogil=True)
def pair_count(counters: Counters, key: int, event: int) -> int:
    slot = find(counters, key)
    return counters.pair_values[slot, event] if counters.pair_keys[slot] == key else 0


@njit(cache=True, nogil=True)
def _reinsert(old: Counters, new: Counters) -> None:
    for slot in range(len(old.pair_keys)):
        if old.pair_keys[slot] != EMPTY:
            place = find(new, old.pair_keys[slot])
            new.pair_keys[place] = old.pair_keys[slot]
            new.pair_values[place] = old.pair_values[slot]


def with_room(counters: Counters, more: int) -> Counters:
    """Counters whose pair table takes `more` new keys at a load of at most one half."""
    needed = 2 * (int(counters.pairs[0]) + more)
    if needed <= len(counters.pair_keys):
        return counters
    capacity = 1 << int(needed - 1).bit_length()
    room = counters._replace(
        pair_keys=np.full(capacity, EMPTY), pair_values=np.zeros((capacity, 2), np.int32)
    )
    _reinsert(counters, room)
    return room
