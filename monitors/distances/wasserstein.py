"""Wasserstein distance of ranks: how far the values moved through the reference's own order."""

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.distances.kolmogorov_smirnov import below, both_known


def wasserstein(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """∫ |F − G| over the reference's ranks, 0 to 1; known values, histograms in the last axis.

    The 1-Wasserstein distance (Vallender 1974) after the reference's own distribution function: free of
    units, so that columns can be put side by side, and no far value outweighs all others.
    """
    moved = np.sum(np.abs(below(reference) - below(current)) * _widths(reference), axis=-1)
    return np.where(both_known(reference, current), moved, 0.0)


def mean_rank(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same with its sign, −½ to ½: positive where values rose; NaN where nothing is known."""
    moved = np.sum((below(reference) - below(current)) * _widths(reference), axis=-1)
    return np.where(both_known(reference, current), moved, np.nan)


def _widths(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the reference lies around each edge: half of the bins on either side."""
    valued = reference[..., :-1]
    shares = valued / np.maximum(valued.sum(axis=-1, keepdims=True), 1)
    after = np.concatenate([shares[..., 1:], np.zeros_like(shares[..., :1])], axis=-1)
    return (shares + after) / 2
