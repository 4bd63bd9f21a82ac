"""What a shadow would have shown instead: the difference of two orders of the same candidates."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import NEVER
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.readings import births_of, categories_of, providers_of

TOP = (5, 10)
"""Slots from the top that are looked at."""
PERSISTENCE = 0.9
"""Of rank-biased overlap: 86 % of the weight on the first ten."""

_HOUR = 3_600_000_000


class Age(StrEnum):
    """How old an item is when it is asked about."""

    HOUR = "under 1h"
    QUARTER = "1h to 6h"
    DAY = "6h to 24h"
    WEEK = "1d to 7d"
    OLDER = "over 7d"
    UNKNOWN = "unknown"


_EDGES = (
    (_HOUR, Age.HOUR),
    (6 * _HOUR, Age.QUARTER),
    (24 * _HOUR, Age.DAY),
    (168 * _HOUR, Age.WEEK),
)


@dataclass(frozen=True, slots=True)
class Move:
    """An item that stands in the top k of one order only."""

    k: int
    entered: bool
    """The shadow shows it there; otherwise who answered did."""
    item_id: str
    provider: str | None
    category: str | None
    age: Age


@dataclass(frozen=True, slots=True)
class Difference:
    """Between what was answered and what the shadow would have."""

    overlaps: tuple[float, ...]
    """For each of `TOP`: share of the first k, or of all where fewer, that both show there."""
    rbo: float
    """Rank-biased overlap, extrapolated (Webber et al. 2010, eq. 30); 1 is the same order."""
    max_shift: int
    """Slots that the candidate moves which moves furthest."""
    moves: tuple[Move, ...]


def difference(
    request: Request,
    answered: NDArray[np.int64],
    shadow: NDArray[np.int64],
    state: FeatureState,
) -> Difference:
    """Compare two orders of a request of at least one candidate.

    Args:
        request: what was asked.
        answered: rows from the top slot down, as they were shown.
        shadow: the same as the shadow would show them.
        state: that knows the items' provider, category and birth.
    """
    size = len(request.item_ids)
    ours, theirs = _places(shadow, size), _places(answered, size)
    overlaps = tuple(float(((ours < k) & (theirs < k)).sum() / min(k, size)) for k in TOP)
    return Difference(
        overlaps=overlaps,
        rbo=_rank_biased_overlap(ours, theirs),
        max_shift=int(np.abs(ours - theirs).max()),
        moves=_moves(request, ours, theirs, state),
    )


def _rank_biased_overlap(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> float:
    """As `sluice.metrics.likeness`, without its kernels, whose first call compiles in a service."""
    size = len(ours)
    # A row is in both prefixes from the deeper of its two places on.
    common = np.cumsum(np.bincount(np.maximum(ours, theirs), minlength=size))
    depths = np.arange(1, size + 1)
    weights = (1 - PERSISTENCE) * PERSISTENCE ** (depths - 1)
    return float((weights * common / depths).sum() + PERSISTENCE**size)


def _places(order: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Slot of each candidate, 0 the top, [candidates]; who is not shown stands below all who are."""
    places = np.full(size, -1, np.int64)
    places[order] = np.arange(len(order))
    missing = places < 0
    places[missing] = len(order) + np.arange(int(missing.sum()))
    return places


def _moves(
    request: Request,
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    state: FeatureState,
) -> tuple[Move, ...]:
    moved = [
        (k, bool(ours[row] < k), int(row))
        for k in TOP
        for row in np.flatnonzero((ours < k) != (theirs < k))
    ]
    items = [request.item_ids[row] for _, _, row in moved]
    if not items:
        return ()
    facts = zip(
        providers_of(state, items),
        categories_of(state, items),
        births_of(state, items).tolist(),
        strict=True,
    )
    return tuple(
        Move(k, entered, item, provider, category, _age(request.ts, born))
        for (k, entered, _), item, (provider, category, born) in zip(
            moved, items, facts, strict=True
        )
    )


def _age(ts: int, born: int) -> Age:
    if born == NEVER:
        return Age.UNKNOWN
    return next((age for edge, age in _EDGES if ts - born < edge), Age.OLDER)
