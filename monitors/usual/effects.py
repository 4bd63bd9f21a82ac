"""What is measured of one window: effect sizes against a reference, and figures with a sign."""

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.distances import DISTANCES
from sluice.monitors.distances.wasserstein import mean_rank
from sluice.monitors.usual.profile import Profile

FIGURES = tuple(DISTANCES)
LABEL = "label"
"""The column that says whether a row was answered."""
BORNE = 50
"""Rows that a change of a column must be borne by, everywhere or in a segment."""
NEGLIGIBLE = 0.002
"""Added before the logarithm: an effect far below it is nothing, however steady it usually is."""


def effects(
    reference: NDArray[np.int64], current: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Every distance of every column in every group, [figures, groups, columns].

    Args:
        reference: [groups, columns, BINS] counts.
        current: of the same shape.
    """
    before, now = reference.astype(np.float64), current.astype(np.float64)
    return np.stack([distance(before, now) for distance in DISTANCES.values()])


def borne(reference: NDArray[np.int64], current: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether rows enough would have to change for the windows to be alike, [groups, columns].

    The total variation of two histograms, times the rows of the current one: a single person who clicks
    the same item all day makes a sparse column's distance great, and is no change of the log.

    Args:
        reference: [groups, columns, BINS] counts.
        current: of the same shape.
    """
    shares = [
        counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
        for counts in (reference, current)
    ]
    apart = np.abs(shares[0] - shares[1]).sum(axis=-1) / 2
    return apart * current.sum(axis=-1) >= BORNE


def on_log_scale(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effect sizes where windows differ by about as much whatever they are, of any shape."""
    return np.log(sizes + NEGLIGIBLE)


def series_names(profile: Profile) -> tuple[str, ...]:
    """Names of what `series` gives."""
    binning = profile.binning
    shares = (f"share[{group}]" for group in binning.groups[1:])
    ranks = (f"mean_rank[{name}]" for name in binning.names)
    unknown = (f"unknown[{name}]" for name in binning.names)
    answers = (f"answers[{group}]" for group in binning.groups)
    return ("volume[rows]", "volume[requests]", *shares, *answers, *ranks, *unknown)


def series(reference: NDArray[np.int64], profile: Profile) -> NDArray[np.float64]:
    """Volumes and shares as logarithms, and where each column's values lie in the reference.

    Args:
        reference: [groups, columns, BINS] counts.
        profile: of the window.
    """
    rows, sizes = profile.rows, profile.sizes
    whole = profile.counts[0].astype(np.float64)
    unknown = whole[:, -1] / max(rows, 1)
    before = reference.astype(np.float64)
    if LABEL in profile.binning.names:
        label = profile.binning.names.index(LABEL)
        answers = mean_rank(before[:, label], profile.counts[:, label].astype(np.float64))
    else:
        answers = np.full(len(sizes), np.nan)
    return np.concatenate([
        np.log([rows + 1.0, profile.requests + 1.0]),
        # A level that is hardly there may come and go: a hundredth of the rows is what counts.
        np.log(sizes[1:] / max(rows, 1) + 0.01),
        answers,
            mean_rank(before[0], whole),
        np.log((unknown + NEGLIGIBLE) / (1 - unknown + NEGLIGIBLE)),
    ])  # fmt: skip
