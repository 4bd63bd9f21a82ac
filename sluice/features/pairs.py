"""A hash table from pairs of codes to counters, compiled into the kernel.

Open addressing with linear probing over arrays, so that the table is part of a state which is saved
without objects, and a key is found by what it is, never by the order in which keys came.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.features.counters import EMPTY, PairTable, empty_table

USER_ITEM, USER_PROVIDER, USER_CATEGORY, ITEM_ITEM = 1, 2, 3, 4

_CODE_BITS = 30
_COUNT_BITS = 32
_LOW = (1 << _COUNT_BITS) - 1
_MIX = np.uint64(
    0x9E3779B97F4A7C15
)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)


@njit(cache=True, nogil=True)
def pair_key(kind: int, first: int, second: int) -> int:
    """One integer for a pair of codes below 2^30."""
    return (kind << (2 * _CODE_BITS)) | (first << _CODE_BITS) | second


@njit(cache=True, nogil=True)
def find(slots: NDArray[np.int64], key: int) -> int:
    """Slot of the key, or the free slot where it would go."""
    mask = len(slots) - 1
    slot = int((np.uint64(key) * _MIX) >> np.uint64(20)) & mask
    while slots[slot, 0] != key and slots[slot, 0] != EMPTY:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def count_pair(
    slots: NDArray[np.int64], used: NDArray[np.int64], key: int, event: int
) -> None:
    """Add one event to the pair; the caller has made room."""
    slot = find(slots, key)
    if slots[slot, 0] == EMPTY:
        slots[slot, 0] = key
        used[0] += 1
    slots[slot, 1] += 1 << (_COUNT_BITS * event)


@njit(cache=True, nogil=True)
def pair_count(slots: NDArray[np.int64], key: int) -> tuple[int, int]:
    """Exposures and clicks of the pair; zeros where it was never met."""
    slot = find(slots, key)
    if slots[slot, 0] != key:
        return 0, 0
    return slots[slot, 1] & _LOW, slots[slot, 1] >> _COUNT_BITS


@njit(cache=True, nogil=True)
def _reinsert(old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
    for slot in range(len(old)):
        if old[slot, 0] != EMPTY:
            new[find(new, old[slot, 0])] = old[slot]


def with_room(table: PairTable, more: int) -> PairTable:
    """A table that takes `more` new keys at a load of at most two thirds."""
    needed = 3 * (int(table.used[0]) + more) // 2
    if needed < len(table.slots):
        return table
    room = empty_table(1 << needed.bit_length())
    _reinsert(table.slots, room.slots)
    return PairTable(room.slots, table.used.copy())
