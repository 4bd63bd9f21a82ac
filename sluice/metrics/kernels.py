"""Numba kernels of the metrics; imported inside the functions that need them, as Numba is heavy.

Nothing here checks its input: `sluice.metrics.ranks` and `sluice.metrics.comparison` do.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

_SORT_ABOVE = 48
"""Positives in a request from which sorting it once beats scanning it once for each of them."""


@njit(cache=True, nogil=True)
def count_classes(
    scores: NDArray[np.float64],
    labels: NDArray[np.float64],
    offsets: NDArray[np.int64],
    max_grade: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Candidates with label > 0, and with label 0, [requests] each; and what may not be.

    The latter are the scores that are NaN and the labels outside 0..max_grade, NaN among them.
    """
    sizes = offsets[1:] - offsets[:-1]
    positives = np.zeros(len(sizes), np.int64)
    # One plain loop over one array each: ten times as fast as all in one, which is not vectorised.
    for request in range(len(sizes)):
        marks = labels[offsets[request] : offsets[request + 1]]
        classes = 0
        for row in range(len(marks)):
            classes += marks[row] > 0.0
        positives[request] = classes
    unscored, graded = 0, 0
    for row in range(len(scores)):
        unscored += scores[row] != scores[row]
    for row in range(len(labels)):
        graded += (labels[row] >= 0.0) & (labels[row] <= max_grade)
    return positives, sizes - positives, unscored, len(labels) - graded


@njit(cache=True, nogil=True)
def rank_positives(
    scores: NDArray[np.float64],
    labels: NDArray[np.float64],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where each positive stands: counts [positives, 4] and grades [positives].

    The counts are candidates above, candidates tied (itself among them), negatives above and
    negatives tied. `starts` [requests + 1] says which slots each request fills; one that has
    none is skipped. No ranking is built: a few positives need a scan each, not a sort.
    """
    counts = np.empty((starts[-1], 4), np.int64)
    grades = np.empty(starts[-1], np.float64)
    for request in range(len(offsets) - 1):
        slot, end = starts[request], starts[request + 1]
        if slot == end:
            continue
        low, high = offsets[request], offsets[request + 1]
        group, marks = scores[low:high], labels[low:high]
        if end - slot > _SORT_ABOVE:
            everyone, negatives = np.sort(group), np.sort(group[marks == 0.0])
        else:
            everyone, negatives = group[:0], group[:0]
        for row in range(high - low):
            if marks[row] > 0.0:
                if len(everyone) > 0:
                    _search(everyone, negatives, group[row], counts[slot])
                else:
                    _scan(group, marks, group[row], counts[slot])
                grades[slot] = marks[row]
                slot += 1
    return counts, grades


@njit(cache=True, nogil=True)
def _scan(
    group: NDArray[np.float64],
    marks: NDArray[np.float64],
    score: float,
    counts: NDArray[np.int64],
) -> None:
    above, tied, negatives_above, negatives_tied = 0, 0, 0, 0
    for row in range(len(group)):
        is_above = group[row] > score
        is_tied = group[row] == score
        negative = marks[row] == 0.0
        above += is_above
        tied += is_tied
        negatives_above += is_above & negative
        negatives_tied += is_tied & negative
    counts[0], counts[1], counts[2], counts[3] = (
        above,
        tied,
        negatives_above,
        negatives_tied,
    )


@njit(cache=True, nogil=True)
def _search(
    everyone: NDArray[np.float64],
    negatives: NDArray[np.float64],
    score: float,
    counts: NDArray[np.int64],
) -> None:
    right = np.searchsorted(everyone, score, "right")
    negatives_right = np.searchsorted(negatives, score, "right")
    counts[0] = len(everyone) - right
    counts[1] = right - np.searchsorted(everyone, score, "left")
    counts[2] = len(negatives) - negatives_right
    counts[3] = negatives_right - np.searchsorted(negatives, score, "left")


@njit(cache=True, nogil=True)
def expected_worth(
    above: NDArray[np.int64],
    tied: NDArray[np.int64],
    starts: NDArray[np.int64],
    worth: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Expected worth of the rank of the first positive, [requests]; NaN where there is no slot.

    With t candidates tied at the top positive's score, p of them positive, the first positive
    is the j-th of them with probability C(t - j, p - 1) / C(t, p), computed as a recurrence.
    """
    values = np.full(len(starts) - 1, np.nan)
    for request in range(len(starts) - 1):
        low, high = starts[request], starts[request + 1]
        if low == high:
            continue
        first, count = low, 0
        for slot in range(low, high):
            if above[slot] < above[first]:
                first, count = slot, 0
            count += above[slot] == above[first]
        left, higher = tied[first], above[first]
        probability, expected = count / left, 0.0
        for j in range(1, min(left - count + 1, len(worth) - higher) + 1):
            expected += probability * worth[higher + j - 1]
            if j < left:
                probability *= (left - j - count + 1) / (left - j)
        values[request] = expected
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def resampled_ratios(
    rng: np.random.Generator,
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    resamples: int,
) -> NDArray[np.float64]:
    """Sum of sums over sum of sizes for clusters drawn with replacement, [resamples].

    Infinite where every cluster that was drawn has size 0.
    """
    clusters = len(sums)
    # Side by side, so that a draw touches one cache line and not two.
    both = np.empty((clusters, 2))
    both[:, 0], both[:, 1] = sums, sizes
    ratios = np.empty(resamples)
    for resample in range(resamples):
        total, size = 0.0, 0.0
        for _ in range(clusters):
            drawn = int(rng.random() * clusters)
            total += both[drawn, 0]
            size += both[drawn, 1]
        ratios[resample] = total / size
    return ratios
