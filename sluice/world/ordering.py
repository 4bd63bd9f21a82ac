"""An order of the candidates: the ranker's scores, prices of floors, soft spacing, and chance where it is declared."""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN202

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.mechanisms.exploration import EpsilonSlots
from sluice.mechanisms.kernels import spaced
from sluice.world.people import NONE


class Order(NamedTuple):
    """What is shown; [visits, slots] each."""

    place: NDArray[np.int64]
    """Column among the visit's candidates."""
    propensity: NDArray[np.float64]
    """Of this item in this slot, given those above it; 1 without chance."""
    explored: NDArray[np.bool_]
    """The slot was declared for exploration, and chance put another item there."""


def order(
    scores: NDArray[np.float64],
    topics: NDArray[np.int64],
    weights: NDArray[np.float64],
    window: int,
    slots: int,
) -> Order:
    """Without exploration.

    Args:
        scores: [visits, candidates]; -inf where there is none.
        topics: [visits, candidates].
        weights: [visits]; of spacing.
        window: slots that are looked back.
        slots: shown.
    """
    place = _arrange(scores, topics, weights, window, slots)
    return Order(place, np.ones(place.shape), np.zeros(place.shape, np.bool_))


def explore(
    plain: Order, scores: NDArray[np.float64], names: list[str], exploration: EpsilonSlots
) -> Order:
    """The same with the product's exploration, request by request.

    Items that no slot shows take part, by score; `names` [visits] key the chance.
    """
    place, propensity, explored = (
        plain.place.copy(),
        plain.propensity.copy(),
        plain.explored.copy(),
    )
    for visit, name in enumerate(names):
        live = np.flatnonzero(np.isfinite(scores[visit]))
        rest = np.setdiff1d(live, plain.place[visit])
        rest = rest[np.argsort(-scores[visit, rest], kind="stable")]
        whole = np.concatenate([plain.place[visit], rest])
        chances = exploration.chances(name, 2 * len(whole))
        changed = exploration.explore(whole, scores[visit, whole], None, chances)
        slots = place.shape[1]
        place[visit] = changed.order[:slots]
        propensity[visit] = changed.propensities[:slots]
        declared = np.array([slot - 1 for slot in exploration.slots if slot <= slots])
        explored[visit, declared] = place[visit, declared] != plain.place[visit, declared]
    return Order(place, propensity, explored)


@njit(cache=True, nogil=True)
def _arrange(scores, topics, weights, window, slots):
    shown = np.empty((len(scores), slots), np.int64)
    for visit in range(len(scores)):
        best = np.argsort(-scores[visit], kind="mergesort")
        count = 0
        while count < len(best) and np.isfinite(scores[visit, best[count]]):
            count += 1
        along = best[:count]
        if weights[visit] > 0:
            relevance = _stretched(scores[visit][along])
            groups = topics[visit][along]
            along = along[spaced(relevance, groups, weights[visit], window, slots)]
        shown[visit] = along[:slots]
    return shown


@njit(cache=True, nogil=True)
def _stretched(along):
    """0 to 1, as `Slate.relevance`."""
    span = along[0] - along[-1]
    return (along - along[-1]) / span if span > 0 else np.zeros(len(along))


def enough(rows: NDArray[np.int64], slots: int) -> NDArray[np.bool_]:
    """Visits with a candidate or two more than there are slots, [visits]; others are not answered."""
    return (rows != NONE).sum(axis=1) >= slots + 2
