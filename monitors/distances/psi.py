"""Population stability index, over the bins and NaN."""

import numpy as np
from numpy.typing import NDArray

SMOOTHING = 0.5
"""Pseudo-count in every bin that either window touches (Jeffreys' prior), so that an emptied bin
gives a finite index that grows with the evidence."""


def psi(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Σ (p − q) ln(p / q) of histograms in the last axis, counts, NaN last; any leading shape.

    The symmetric divergence of Kullback and Leibler (1951), "On information and sufficiency", under
    the name that Siddiqi (2006), *Credit Risk Scorecards*, made customary. p and q are shares after
    `SMOOTHING` in each bin that either window touches.
    """
    touched = (reference + current) > 0
    p, q = _smoothed(reference, touched), _smoothed(current, touched)
    return np.sum((p - q) * (_logarithm(p, touched) - _logarithm(q, touched)), axis=-1)


def _smoothed(
    counts: NDArray[np.float64], touched: NDArray[np.bool_]
) -> NDArray[np.float64]:
    raised = np.where(touched, counts + SMOOTHING, 0.0)
    return raised / np.maximum(raised.sum(axis=-1, keepdims=True), SMOOTHING)


def _logarithm(
    shares: NDArray[np.float64], touched: NDArray[np.bool_]
) -> NDArray[np.float64]:
    return np.log(np.where(touched, shares, 1.0))
