"""Numba kernels of the mechanisms; imported inside the functions that need them, as Numba is heavy.

Every kernel takes its columns along the order that a slate has so far, best first, and returns
places in that order. The first of equals wins, so a tie keeps the order; what lies beyond `depth`
keeps it too. Nothing here checks its input: `Slate` and the declarations do.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath=True)
def cosines(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of every pair, [rows, rows], of `vectors` [rows, dimensions]; 0 for one without length.

    Not by BLAS, which wakes its threads for a matrix of this size and takes ten times as long.
    """
    rows, dimensions = vectors.shape
    out = np.empty((rows, rows))
    for index in range(rows):
        for other in range(index + 1):
            product = 0.0
            for nth in range(dimensions):
                product += np.float64(vectors[index, nth]) * np.float64(vectors[other, nth])
            out[index, other] = product
    for index in range(rows):
        for other in range(index):
            both = out[index, index] * out[other, other]
            cosine = out[index, other] / np.sqrt(both) if both > 0.0 else 0.0
            out[index, other] = cosine
            out[other, index] = cosine
    return out


@njit(cache=True, nogil=True)
def _rest(chosen: NDArray[np.int64], taken: NDArray[np.bool_], depth: int) -> None:
    slot = depth
    for place in range(len(taken)):
        if not taken[place]:
            chosen[slot] = place
            slot += 1


@njit(cache=True, nogil=True)
def marginally_relevant(
    relevance: NDArray[np.float64],
    similarity: NDArray[np.float64],
    weight: float,
    depth: int,
) -> NDArray[np.int64]:
    """Greedy maximal marginal relevance; `similarity` is [rows, rows]."""
    rows = len(relevance)
    chosen, taken = np.empty(rows, np.int64), np.zeros(rows, np.bool_)
    closest = np.zeros(rows)
    for slot in range(depth):
        best, most = -1, -np.inf
        for place in range(rows):
            gain = (1.0 - weight) * relevance[place] - weight * closest[place]
            if not taken[place] and gain > most:
                best, most = place, gain
        chosen[slot], taken[best] = best, True
        for place in range(rows):
            near = similarity[best, place]
            # The first choice sets the closest, which may be negative; later ones raise it.
            if slot == 0 or near > closest[place]:
                closest[place] = near
    _rest(chosen, taken, depth)
    return chosen


@njit(cache=True, nogil=True)
def determinantal(
    relevance: NDArray[np.float64],
    kernel: NDArray[np.float64],
    weight: float,
    depth: int,
) -> NDArray[np.int64]:
    """Fast greedy MAP of a determinantal point process, with a row of the Cholesky factor each.

    `kernel` is [rows, rows], positive definite with 1 on its diagonal.
    """
    rows = len(relevance)
    chosen, taken = np.empty(rows, np.int64), np.zeros(rows, np.bool_)
    factors, volume = np.empty((rows, depth)), np.ones(rows)
    for slot in range(depth):
        best, most = -1, -np.inf
        for place in range(rows):
            if taken[place]:
                continue
            gain = (1.0 - weight) * relevance[place] + weight * np.log(volume[place])
            if gain > most:
                best, most = place, gain
        chosen[slot], taken[best] = best, True
        root = np.sqrt(volume[best])
        for place in range(rows):
            if taken[place]:
                continue
            common = kernel[best, place]
            for nth in range(slot):
                common -= factors[best, nth] * factors[place, nth]
            common /= root
            factors[place, slot] = common
            volume[place] -= common * common
    _rest(chosen, taken, depth)
    return chosen


@njit(cache=True, nogil=True)
def spaced(
    relevance: NDArray[np.float64],
    groups: NDArray[np.int64],
    weight: float,
    window: int,
    depth: int,
) -> NDArray[np.int64]:
    """Greedy soft spacing: who is of the group of one of the last `window` pays by its nearness."""
    rows = len(relevance)
    chosen, taken = np.empty(rows, np.int64), np.zeros(rows, np.bool_)
    penalty = np.zeros(max(groups.max() + 1, 1) if rows else 1)
    for slot in range(depth):
        penalty[:] = 0.0
        for distance in range(1, min(window, slot) + 1):
            group = groups[chosen[slot - distance]]
            if group >= 0:
                penalty[group] += 1.0 / distance
        best, most = -1, -np.inf
        for place in range(rows):
            if taken[place]:
                continue
            gain = (1.0 - weight) * relevance[place]
            if groups[place] >= 0:
                gain -= weight * penalty[groups[place]]
            if gain > most:
                best, most = place, gain
        chosen[slot], taken[best] = best, True
    _rest(chosen, taken, depth)
    return chosen


@njit(cache=True, nogil=True)
def _divergence(target: float, mass: float, total: float, smoothing: float) -> float:
    """One group's part of the divergence."""
    return target * np.log(target / ((1.0 - smoothing) * mass / total + smoothing * target))


@njit(cache=True, nogil=True)
def calibrated(  # noqa: PLR0913, PLR0917 - a kernel takes plain arrays and numbers
    relevance: NDArray[np.float64],
    groups: NDArray[np.int64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    weight: float,
    smoothing: float,
    depth: int,
) -> NDArray[np.int64]:
    """Greedy calibration; `target` is [groups], `weights` of the slots [rows]."""
    rows = len(relevance)
    chosen, taken = np.empty(rows, np.int64), np.zeros(rows, np.bool_)
    mass, moved, total = np.zeros(len(target)), np.zeros(len(target)), 0.0
    for slot in range(depth):
        total += weights[slot]
        # All candidates of a group leave the same divergence: the one of nobody chosen, and a step.
        still = 0.0
        for group in range(len(target)):
            moved[group] = 0.0
            if target[group] > 0.0:
                now = _divergence(target[group], mass[group], total, smoothing)
                grown = mass[group] + weights[slot]
                moved[group] = _divergence(target[group], grown, total, smoothing) - now
                still += now
        best, most = -1, -np.inf
        for place in range(rows):
            if taken[place]:
                continue
            away = still + (moved[groups[place]] if groups[place] >= 0 else 0.0)
            gain = (1.0 - weight) * relevance[place] - weight * away
            if gain > most:
                best, most = place, gain
        chosen[slot], taken[best] = best, True
        if groups[best] >= 0:
            mass[groups[best]] += weights[slot]
    _rest(chosen, taken, depth)
    return chosen


@njit(cache=True, nogil=True)
def reorder(
    adjusted: NDArray[np.float64], order: NDArray[np.int64], offsets: NDArray[np.int64]
) -> None:
    """Sort the rows of every request by `adjusted`, highest first, in place.

    By insertion: an order that was right for slightly other prices is nearly sorted already. Equal
    rows stand by their number, whatever order they had before.
    """
    for request in range(len(offsets) - 1):
        low = offsets[request]
        for place in range(low + 1, offsets[request + 1]):
            row = order[place]
            value, slot = adjusted[row], place
            while slot > low:
                above = order[slot - 1]
                if adjusted[above] > value or (adjusted[above] == value and above < row):
                    break
                order[slot] = above
                slot -= 1
            order[slot] = row


@njit(cache=True, nogil=True)
def exposures(
    order: NDArray[np.int64],
    offsets: NDArray[np.int64],
    groups: NDArray[np.int64],
    weights: NDArray[np.float64],
    figures: NDArray[np.float64],
) -> None:
    """Exposure of every group under an order, [groups], written into `found`."""
    figures[:] = 0.0
    for request in range(len(offsets) - 1):
        low = offsets[request]
        for place in range(low, offsets[request + 1]):
            group = groups[order[place]]
            if group >= 0:
                figures[group] += weights[place - low]
