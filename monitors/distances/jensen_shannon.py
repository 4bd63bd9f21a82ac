"""Jensen-Shannon distance, over the bins and NaN."""

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-12


def jensen_shannon(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> NDArray[np.float64]:
    """√(½ KL(p‖m) + ½ KL(q‖m)), base 2, 0 to 1; histograms in the last axis, any leading shape.

    Lin (1991); the root is a metric (Endres and Schindelin 2003).
    """
    p = reference / np.maximum(reference.sum(axis=-1, keepdims=True), 1)
    q = current / np.maximum(current.sum(axis=-1, keepdims=True), 1)
    middle = np.log2(np.maximum((p + q) / 2, _TINY))
    parts = p * (np.log2(np.maximum(p, _TINY)) - middle) + q * (
        np.log2(np.maximum(q, _TINY)) - middle
    )
    return np.sqrt(np.clip(parts.sum(axis=-1) / 2, 0, 1))
