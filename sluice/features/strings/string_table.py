"""Strings numbered as they come and found by their bytes: a hash table with linear probing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.features.engine.compiled import compiled
from sluice.features.engine.hash_table import HALF_WORD, MIX
from sluice.features.engine.llvm import AHEAD, WORD, fetch, natural, word_at
from sluice.features.engine.room import longer

_FREE = np.uint64(0)
_NUMBER = np.uint64(0xFFFFFFFF)
"""Bits of a slot that hold a number, plus 1; the others are those of the hash."""


class Strings(NamedTuple):
    """Room for strings; how many there are is the caller's to know."""

    text: NDArray[np.uint8]
    """Their bytes, one after the other."""
    bounds: NDArray[np.int64]
    """[strings + 1] where each begins, and the last ends."""
    slots: NDArray[np.uint64]
    """[a power of 2] half a hash and a number each; at most half of them are taken."""


def empty_strings() -> Strings:
    """Room for none."""
    return Strings(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.uint64))


def with_room(strings: Strings, count: int, many: int, size: int) -> Strings:
    """Room for `many` strings of `size` bytes in all, of which `count` are there."""
    bounds, slots = longer(strings.bounds, many + 1), strings.slots
    if 2 * len(bounds) > len(slots):
        slots = np.zeros(1 << int(2 * len(bounds) - 1).bit_length(), np.uint64)
        _settle(slots, hashes_of(strings.text, bounds[: count + 1]))
    return Strings(longer(strings.text, size), bounds, slots)


def hashes_of(text: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[strings] hashes of what lies in `text` between `bounds`, [strings + 1]."""
    hashed = np.empty(len(bounds) - 1, np.uint64)
    _hash(text, bounds, hashed)
    return hashed


@compiled
def _hash(text, bounds, hashed) -> None:  # noqa: ANN001 - plain arrays
    for nth in range(len(hashed)):
        low, high = natural(bounds[nth]), natural(bounds[nth + 1])
        mixed, at = np.uint64(high - low), low
        while at + WORD <= high:
            mixed = _mix(mixed, word_at(text, at))
            at += WORD
        if at < high:
            mixed = _mix(mixed, _rest(text, low, at, high))
        hashed[nth] = mixed


@compiled
def _mix(mixed, word):  # noqa: ANN001, ANN202 - plain numbers
    mixed = (mixed ^ word) * MIX
    mixed = (mixed ^ (mixed >> HALF_WORD)) * MIX
    return mixed ^ (mixed >> HALF_WORD)


@compiled
def _rest(text, low, at, high):  # noqa: ANN001, ANN202 - plain arrays
    """What follows the last whole word: the last eight bytes, or all there are."""
    if high - low >= WORD:
        return word_at(text, high - WORD)
    word = np.uint64(0)
    for byte in range(at, high):
        word = (word << np.uint64(8)) | np.uint64(text[byte])
    return word


@compiled
def _home(slots, hashed):  # noqa: ANN001, ANN202 - plain arrays
    return np.int64(hashed & np.uint64(len(slots) - 1))


@compiled
def _slot(number, hashed):  # noqa: ANN001, ANN202 - plain numbers
    return (hashed & ~_NUMBER) | np.uint64(number + 1)


@compiled
def _settle(slots, hashed) -> None:  # noqa: ANN001 - plain arrays
    """Give strings, all different, their slots."""
    for number in range(len(hashed)):
        fetch(slots, _home(slots, hashed[min(number + AHEAD, len(hashed) - 1)]))
        at = _home(slots, hashed[number])
        while slots[natural(at)] != _FREE:
            at = (at + 1) & (len(slots) - 1)
        slots[natural(at)] = _slot(number, hashed[number])


@compiled
def _find(strings, hashed, text, low, high) -> int:  # noqa: ANN001 - Numba infers them
    """Slot of the string that lies in `text` from `low` to `high`, or the free one where it would go."""
    slots, bounds = strings.slots, strings.bounds
    at = _home(slots, hashed)
    while slots[natural(at)] != _FREE:
        slot = slots[natural(at)]
        if (slot ^ hashed) <= _NUMBER:
            number = natural(np.int64(slot & _NUMBER) - 1)
            begin, end = natural(bounds[number]), natural(bounds[number + 1])
            if end - begin == high - low and _same(text, low, high, strings.text, begin):
                break
        at = (at + 1) & (len(slots) - 1)
    return at


@compiled
def _same(text, low, high, other, begin) -> bool:  # noqa: ANN001 - plain arrays
    """Whether the bytes from `low` to `high` are those of `other` from `begin` on."""
    at = low
    while at + WORD <= high:
        if word_at(text, at) != word_at(other, begin + at - low):
            return False
        at += WORD
    while at < high:
        if text[natural(at)] != other[natural(begin + at - low)]:
            return False
        at += 1
    return True


@compiled
def find_strings(strings: Strings, text, bounds, hashed, numbers) -> None:  # noqa: ANN001 - plain arrays
    """Numbers from 1 on, [asked], of what lies in `text` between `bounds`; 0 where it is not there."""
    slots = strings.slots
    for nth in range(len(hashed)):
        fetch(slots, _home(slots, hashed[min(nth + AHEAD, len(hashed) - 1)]))
        at = _find(
            strings, hashed[nth], text, natural(bounds[nth]), natural(bounds[nth + 1])
        )
        numbers[nth] = slots[natural(at)] & _NUMBER


@compiled
def learn_strings(strings: Strings, count: int, text, bounds, hashed, numbers) -> int:  # noqa: ANN001 - plain arrays
    """As `find_strings`, and what is not there is numbered on from `count`; how many there are then."""
    slots, ends = strings.slots, strings.bounds
    for nth in range(len(hashed)):
        fetch(slots, _home(slots, hashed[min(nth + AHEAD, len(hashed) - 1)]))
        low, high = natural(bounds[nth]), natural(bounds[nth + 1])
        at = natural(_find(strings, hashed[nth], text, low, high))
        if slots[at] == _FREE:
            begin = natural(ends[natural(count)])
            for byte in range(high - low):
                strings.text[begin + byte] = text[low + byte]
            ends[natural(count + 1)] = begin + high - low
            slots[at] = _slot(count, hashed[nth])
            count += 1
        numbers[nth] = slots[at] & _NUMBER
    return count
