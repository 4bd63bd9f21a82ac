"""Counter-based randomness: a draw is a function of its key, and of no draw before it.

Two worlds that differ in their policy alone therefore meet the same chance wherever they meet the same
question: the same person, day, visit and item. A stream that is shared would be out of step after the
first difference.
"""
# Numba infers the types, and wants numbers one by one.
# ruff: noqa: ANN001, ANN201, ANN202

import numpy as np
from numba import njit

COMES, VISITS, TIME, SURFACE, RETRIEVED = 1, 2, 3, 4, 5
AD_CLICK, CLICK, DWELL, GOES_ON, HIDE, ORDER = 7, 8, 9, 10, 11, 12
PUBLISHES, ITEM, LEAVES, ARRIVES = 13, 14, 15, 16
"""Purposes of draws; a new one takes a new number, so that no other draw changes."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_RAISE = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS = 10
_SHIFT = np.uint64(6)
_HIGH_WORD, _CELLS = 67108864.0, 4503599627370496.0
"""2^26 and 2^52."""


@njit(cache=True, nogil=True)
def philox(word0, word1, word2, word3, key0, key1):
    """Philox4x32-10 of a counter of four words and a key of two; the four words as uint64.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    for _ in range(_ROUNDS):
        first, second = _MULTIPLY[0] * word0, _MULTIPLY[1] * word2
        word0, word1, word2, word3 = (
            (second >> _HALF) ^ word1 ^ key0,
            second & _LOW,
            (first >> _HALF) ^ word3 ^ key1,
            first & _LOW,
        )
        key0, key1 = (key0 + _RAISE[0]) & _LOW, (key1 + _RAISE[1]) & _LOW
    return word0, word1, word2, word3


@njit(cache=True, nogil=True)
def uniform(seed, purpose, day, who, nth):
    """A number between 0 and 1, neither of them, in steps of 2^-52, by its key."""
    return pair(seed, purpose, day, who, nth)[0]


@njit(cache=True, nogil=True)
def pair(seed, purpose, day, who, nth):
    """`uniform` of this key, and a second number independent of it, at no further cost."""
    wide = np.uint64(seed)
    words = philox(
        np.uint64(nth) & _LOW,
        np.uint64(who) & _LOW,
        np.uint64(day) & _LOW,
        np.uint64(purpose),
        wide & _LOW,
        wide >> _HALF,
    )
    return _unit(words[0], words[1]), _unit(words[2], words[3])


@njit(cache=True, nogil=True)
def _unit(high, low):
    cells = np.float64(high >> _SHIFT) * _HIGH_WORD + np.float64(low >> _SHIFT)
    return (cells + 0.5) / _CELLS


@njit(cache=True, nogil=True)
def normal(seed, purpose, day, who, nth):
    """A standard normal number (Box & Muller 1958); takes the draws `nth` and `nth` + 1."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, purpose, day, who, nth)))
    return radius * np.cos(2.0 * np.pi * uniform(seed, purpose, day, who, nth + 1))


@njit(cache=True, nogil=True)
def poisson(chance, mean, most):
    """The Poisson count, up to `most`, at which the distribution passes `chance`."""
    count, mass = 0, np.exp(-mean)
    total = mass
    while chance > total and count < most:
        count += 1
        mass *= mean / count
        total += mass
    return count


def starting(seed: int, part: int) -> np.random.Generator:
    """What a world is made of before its first day: a NumPy stream of its own a part."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, part], np.uint64)))
