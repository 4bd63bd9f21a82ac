"""Numba kernel of the small network; imported where it is needed, as Numba is heavy.

Lanes are rows and sums run over inputs in one fixed order, so a row has the same bits in whatever
company; BLAS takes another order for one row than for many. Nothing here checks its input.
"""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917

import numpy as np
from numba import njit

BLOCK = 128
"""Rows scored together: their inputs and both hidden layers stay in the second-level cache."""
LANES = 8
"""Rows are padded to a multiple of it, so that no loop over them has a remainder."""
INPUTS_AT_ONCE = 4
"""Inputs added for one read and write of the sums; layers are padded to a multiple of it."""


@njit(cache=True, nogil=True)
def score_rows(
    features, knots, values, many, flagged, first_w, first_b, second_w, second_b, last_w, last_b
):  # fmt: skip
    """Mean output of the networks, [rows].

    `knots`, `values` [features, most] and `many` [features] are of the quantile tables, `flagged`
    [flags] the features whose absence is an input of its own. Weights are float32, [networks, out,
    in] and [networks, out]; `last_w` [networks, in], `last_b` [networks].
    """
    rows, networks = len(features), len(first_w)
    scores = np.empty(rows)
    inputs = np.zeros((first_w.shape[2], BLOCK), np.float32)
    first = np.zeros((first_w.shape[1], BLOCK), np.float32)
    second = np.zeros((second_w.shape[1], BLOCK), np.float32)
    total = np.empty(BLOCK)
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        padded = (size + LANES - 1) // LANES * LANES
        _fill(features[start : start + size], knots, values, many, flagged, inputs)
        total[:] = 0.0
        for nth in range(networks):
            _layer(inputs, first_w[nth], first_b[nth], first, padded)
            _layer(first, second_w[nth], second_b[nth], second, padded)
            for row in range(padded):
                total[row] += last_b[nth]
            for unit in range(len(second)):
                weight, values_of = last_w[nth, unit], second[unit]
                for row in range(padded):
                    total[row] += weight * values_of[row]
        for row in range(size):
            scores[start + row] = total[row] / networks
    return scores


@njit(cache=True, nogil=True)
def inputs_of(features, knots, values, many, flagged, width):
    """Inputs of the network, [rows, width] float32, as `score_rows` makes them."""
    rows = len(features)
    found = np.zeros((rows, width), np.float32)
    block = np.zeros((width, BLOCK), np.float32)
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        _fill(features[start : start + size], knots, values, many, flagged, block)
        for nth in range(width):
            for row in range(size):
                found[start + row, nth] = block[nth, row]
    return found


@njit(cache=True, nogil=True)
def _fill(features, knots, values, many, flagged, block):
    columns = len(many)
    for nth in range(columns):
        last = many[nth] - 1
        for row in range(len(features)):
            block[nth, row] = _placed(features[row, nth], knots[nth], values[nth], last)
    for nth in range(len(flagged)):
        for row in range(len(features)):
            missing = np.isnan(features[row, flagged[nth]])
            block[columns + nth, row] = np.float32(1.0 if missing else 0.0)


@njit(cache=True, nogil=True)
def _placed(value, knots, values, last):
    """Where a value stands among the quantiles, by straight lines between the knots."""
    if np.isnan(value) or last < 1:
        return np.float32(0.0)
    if value <= knots[0]:
        return np.float32(values[0])
    if value >= knots[last]:
        return np.float32(values[last])
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= value:
            low = middle
        else:
            high = middle
    share = (np.float64(value) - knots[low]) / (knots[high] - knots[low])
    return np.float32(values[low] + share * (values[high] - values[low]))


@njit(cache=True, nogil=True)
def _layer(inputs, weights, biases, outputs, padded):
    """Rectified sums, [out, BLOCK], of `inputs` [in, BLOCK]."""
    for unit in range(len(weights)):
        weight, total = weights[unit], outputs[unit]
        total[:padded] = biases[unit]
        for nth in range(0, len(inputs), INPUTS_AT_ONCE):
            in_a, w_a, in_b, w_b = (
                inputs[nth],
                weight[nth],
                inputs[nth + 1],
                weight[nth + 1],
            )
            in_c, w_c = inputs[nth + 2], weight[nth + 2]
            in_d, w_d = inputs[nth + 3], weight[nth + 3]
            for row in range(padded):
                total[row] += (in_a[row] * w_a + in_b[row] * w_b) + (
                    in_c[row] * w_c + in_d[row] * w_d
                )
        for row in range(padded):
            total[row] = max(total[row], np.float32(0.0))
