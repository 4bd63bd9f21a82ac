"""What each input adds to a network's output, against the inputs of a row that says nothing.

DeepSHAP with one reference (Lundberg & Lee 2017; the rescale rule of DeepLIFT, Shrikumar et al.
2017): a unit passes on what it gained over the reference in proportion to what it was given. The
reference is 0 for every input: each feature at its median, none missing.
"""

import numpy as np
from numpy.typing import NDArray

from sluice.rankers.network import Network

_LEVEL = 1e-7
"""Below such a difference a unit's slope stands for its quotient, which rounding would decide."""


def deep_shap(
    network: Network, inputs: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Shares of the inputs, [rows, inputs], and the output of the reference; they sum to the output."""
    first_w, first_b, second_w, second_b, last_w, last_b = (
        weight.astype(np.float64) for weight in network.weights
    )
    rows = inputs.astype(np.float64)
    first, first_at = rows @ first_w + first_b, first_b
    second_in = np.maximum(first, 0) @ second_w + second_b
    second_at = np.maximum(first_at, 0) @ second_w + second_b
    by_second = last_w[:, 0] * _quotient(second_in, second_at)
    by_first = (by_second @ second_w.T) * _quotient(first, first_at)
    base = float((np.maximum(second_at, 0) @ last_w)[0] + last_b[0])
    return rows * (by_first @ first_w.T), base


def _quotient(
    value: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gain of the rectified over gain of the plain, [rows, units], from 0 to 1."""
    gained = value - reference
    rectified = np.maximum(value, 0) - np.maximum(reference, 0)
    near = np.abs(gained) < _LEVEL
    return np.where(near, value > 0, rectified / np.where(near, 1.0, gained))
