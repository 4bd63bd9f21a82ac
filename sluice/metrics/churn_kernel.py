"""Numba kernels of churn; imported where they are used. Input is checked by `churn`.

All are quadratic in the candidates of a request, of which there are hundreds: comparing each
with each is branch-free and needs no sort, and Kendall's pairs are counted on the way.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def tied(scores: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether another row of the request has the same score, [rows]."""
    out = np.empty(len(scores), np.bool_)
    for request in range(len(offsets) - 1):
        group = scores[offsets[request] : offsets[request + 1]]
        for row in range(len(group)):
            same = 0
            for other in range(len(group)):
                same += group[other] == group[row]
            out[offsets[request] + row] = same > 1
    return out


@njit(cache=True, nogil=True)
def places(
    scores: NDArray[np.float64],
    tiebreak: NDArray[np.int64],
    offsets: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rank of each row within its request, 0 the highest, equal scores by `tiebreak`, [rows]."""
    out = np.empty(len(scores), np.int64)
    for request in range(len(offsets) - 1):
        low, high = offsets[request], offsets[request + 1]
        group, breaks = scores[low:high], tiebreak[low:high]
        for row in range(high - low):
            place = 0
            for other in range(high - low):
                ahead = group[other] > group[row]
                place += ahead | (
                    (group[other] == group[row]) & (breaks[other] < breaks[row])
                )
            out[low + row] = place
    return out


@njit(cache=True, nogil=True)
def overlaps(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], offsets: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """Share of the first min(k, candidates) places held by the same rows, [requests]."""
    shares = np.full(len(offsets) - 1, np.nan)
    for request in range(len(shares)):
        low, high = offsets[request], offsets[request + 1]
        if high - low < 2:
            continue
        depth = min(k, high - low)
        common = 0
        for row in range(low, high):
            common += (ours[row] < depth) & (theirs[row] < depth)
        shares[request] = common / depth
    return shares


@njit(cache=True, nogil=True)
def rank_biased_overlaps(
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    offsets: NDArray[np.int64],
    persistence: float,
) -> NDArray[np.float64]:
    """Extrapolated RBO of two full orders of the same rows, [requests]."""
    values = np.full(len(offsets) - 1, np.nan)
    for request in range(len(values)):
        low, size = offsets[request], offsets[request + 1] - offsets[request]
        if size < 2:
            continue
        # A row is in both prefixes from the deeper of its two places on.
        joins = np.zeros(size, np.int64)
        for row in range(low, low + size):
            joins[max(ours[row], theirs[row])] += 1
        common, weight, total = 0, 1.0 - persistence, 0.0
        for depth in range(1, size + 1):
            common += joins[depth - 1]
            total += weight * common / depth
            weight *= persistence
        values[request] = total + persistence**size
    return values


@njit(cache=True, nogil=True)
def kendall_taus(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], offsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Kendall's tau-b of two scores, [requests]; NaN where one of them is constant."""
    taus = np.full(len(offsets) - 1, np.nan)
    for request in range(len(taus)):
        low, high = offsets[request], offsets[request + 1]
        left, right = ours[low:high], theirs[low:high]
        balance, differ_left, differ_right = 0, 0, 0
        for row in range(high - low):
            for other in range(row):
                up_left = (left[row] > left[other]) - (left[row] < left[other])
                up_right = (right[row] > right[other]) - (right[row] < right[other])
                balance += up_left * up_right
                differ_left += up_left != 0
                differ_right += up_right != 0
        if differ_left > 0 and differ_right > 0:
            taus[request] = balance / np.sqrt(float(differ_left) * float(differ_right))
    return taus
