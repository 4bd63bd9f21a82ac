"""A hash table from pairs of codes to counters, compiled into the kernel.

Open addressing with linear probing over arrays, so that the table is part of a state which is saved
without objects, and a key is found by what it is, never by the order in which keys came.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.features.counters import EMPTY, Counters

USER_ITEM, USER_PROVIDER, USER_CATEGORY, ITEM_ITEM = 1, 2, 3, 4

_CODE_BITS = 30
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)


@njit(cache=True, nogil=True)
def pair_key(kind: int, first: int, second: int) -> int:
    """One integer for a pair of codes below 2^30."""
    return (kind << (2 * _CODE_BITS)) | (first << _CODE_BITS) | second


class PairTable(NamedTuple):
    """The part of the counters that pairs live in, taken out once for many look-ups."""

    keys: NDArray[np.int64]
    values: NDArray[np.int32]
    used: NDArray[np.int64]


@njit(cache=True, nogil=True)
def pair_table(counters: Counters) -> PairTable:
    return PairTable(counters.pair_keys, counters.pair_values, counters.pairs)


@njit(cache=True, nogil=True)
def find(table: PairTable, key: int) -> int:
    """Slot of the key, or the free slot where it would go."""
    keys = table.keys
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * _MIX) >> np.uint64(20)) & mask
    while keys[slot] != key and keys[slot] != EMPTY:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def count_pair(table: PairTable, key: int, event: int) -> None:
    """Add one event to the pair; the caller has made room."""
    slot = find(table, key)
    if table.keys[slot] == EMPTY:
        table.keys[slot] = key
        table.used[0] += 1
    table.values[slot, event] += 1


@njit(cache=True, nogil=True)
def pair_count(table: PairTable, key: int, event: int) -> int:
    slot = find(table, key)
    return table.values[slot, event] if table.keys[slot] == key else 0


@njit(cache=True, nogil=True)
def _reinsert(old: PairTable, new: PairTable) -> None:
    for slot in range(len(old.keys)):
        if old.keys[slot] != EMPTY:
            place = find(new, old.keys[slot])
            new.keys[place] = old.keys[slot]
            new.values[place] = old.values[slot]


def with_room(counters: Counters, more: int) -> Counters:
    """Counters whose pair table takes `more` new keys at a load of at most one half."""
    needed = 2 * (int(counters.pairs[0]) + more)
    if needed <= len(counters.pair_keys):
        return counters
    capacity = 1 << int(needed - 1).bit_length()
    room = counters._replace(
        pair_keys=np.full(capacity, EMPTY), pair_values=np.zeros((capacity, 2), np.int32)
    )
    _reinsert(pair_table(counters), pair_table(room))
    return room
