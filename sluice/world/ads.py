"""Advertisers: they bid for a click, and a slot goes to whom it is worth most."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.mechanisms.ads import insert_ads
from sluice.mechanisms.slate import Slate
from sluice.world.draws import starting
from sluice.world.people import NONE
from sluice.world.spec import WorldSpec

_PART = 3
ADVERTISERS = 20
FIRST, GAP = 3, 6
"""The top slot that may hold an ad, and organic items between two."""
_VIEWS_BEFORE = 50.0


class Advertisers(NamedTuple):
    """State of all advertisers; counts are changed in place."""

    topic: NDArray[np.int64]
    bid: NDArray[np.float64]
    """Paid for a click."""
    counts: NDArray[np.float64]
    """[advertisers, 2]; views and clicks."""


def draw_advertisers(spec: WorldSpec, seed: int) -> Advertisers:
    rng = starting(seed, _PART)
    return Advertisers(
        topic=rng.integers(0, spec.topics, ADVERTISERS),
        bid=rng.lognormal(0, 0.5, ADVERTISERS),
        counts=np.zeros((ADVERTISERS, 2)),
    )


def ad_places(slots: int) -> NDArray[np.bool_]:
    """Organic slots above which an ad may stand, [slots]: those that `insert_ads` fills at α = 0."""
    rows = 2 * slots
    template = Slate(
        np.array([f"{row:05d}" for row in range(rows)]),
        -np.arange(rows, dtype=np.float64),
        is_ad=np.arange(rows) >= slots,
        revenue=np.ones(rows),
    )
    shown = insert_ads(template, alpha=0.0, first=FIRST, gap=GAP)
    organic = np.flatnonzero(shown < slots)
    return np.concatenate([[organic[0] > 0], np.diff(organic) > 1])


@njit(cache=True, nogil=True)
def winner(advertisers, reserve, above):
    """The advertiser of the highest expected revenue, NONE where nobody reaches the reserve.

    `above` holds the advertisers of the visit so far: an ad is shown once a visit, as any candidate is.
    """
    best, most = NONE, reserve
    for nth in range(len(advertisers.bid)):
        if nth in above:
            continue
        views, clicks = advertisers.counts[nth]
        expected = advertisers.bid[nth] * (clicks + 1.0) / (views + _VIEWS_BEFORE)
        if expected > most:
            best, most = nth, expected
    return best
