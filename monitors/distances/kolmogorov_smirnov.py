"""Kolmogorov-Smirnov distance at the bin edges, of the known values."""

import numpy as np
from numpy.typing import NDArray


def kolmogorov_smirnov(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Greatest distance of the distribution functions, 0 to 1; NaN, the last bin, has no place in it.

    A lower bound of Smirnov's (1948) statistic on raw values. 0 where either knows no value.
    """
    apart = np.abs(below(reference) - below(current)).max(axis=-1)
    return np.where(both_known(reference, current), apart, 0.0)


def both_known(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether both hold a known value, [...]; what became NaN shows in the other sizes."""
    valued = np.minimum(reference[..., :-1].sum(axis=-1), current[..., :-1].sum(axis=-1))
    return valued > 0


def below(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the known values up to each edge."""
    valued = counts[..., :-1]
    return np.cumsum(valued, axis=-1) / np.maximum(valued.sum(axis=-1, keepdims=True), 1)
