"""Numba kernel of the small network; imported where it is needed, as Numba is heavy.

Lanes are units and sums run over inputs in one fixed order, so a row has the same bits in whatever
company; BLAS takes another order for one row than for many. Nothing is fused: a processor that can
would give other bits. Nothing here checks its input.
"""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917

import numpy as np
from numba import njit

BLOCK = 128
"""Rows scored together: their inputs and both hidden layers stay in the second-level cache."""
INPUTS_AT_ONCE = 4
"""Inputs added for one read and write of the sums; layers are padded to a multiple of it."""
HALVINGS = (32, 16, 8, 4, 2, 1)
"""Strides by which a value finds its place among 65 knots, without a branch to mispredict."""


@njit(cache=True, nogil=True)
def score_rows(
    features, knots, values, many, flagged, first_w, first_b, second_w, second_b, last_w, last_b
):  # fmt: skip
    """Mean output of the networks, [rows].

    `knots`, `values` [features, 65] and `many` [features] are of the quantile tables, knots not in
    use infinite; `flagged` [flags] the features whose absence is an input of its own. Weights are
    float32, [networks, in, out] and [networks, out]; `last_w` [networks, in], `last_b` [networks].
    """
    rows, networks = len(features), len(first_w)
    scores = np.zeros(rows)
    # A row more, as rows go in pairs; what stands in it is finite and its output unread.
    inputs = np.zeros((BLOCK, first_w.shape[1]), np.float32)
    first = np.empty((BLOCK, first_w.shape[2]), np.float32)
    second = np.empty((BLOCK, second_w.shape[2]), np.float32)
    for start in range(0, rows, BLOCK):
        size = min(BLOCK, rows - start)
        _fill(features[start : start + size], knots, values, many, flagged, inputs)
        for nth in range(networks):
            _layer(inputs, first_w[nth], first_b[nth], first, size)
            _layer(first, second_w[nth], second_b[nth], second, size)
            for row in range(size):
                scores[start + row] += _output(second[row], last_w[nth], last_b[nth])
        for row in range(size):
            scores[start + row] /= networks
    return scores


@njit(cache=True, nogil=True)
def inputs_of(features, knots, values, many, flagged, width):
    """Inputs of the network, [rows, width] float32, as `score_rows` makes them."""
    rows = len(features)
    inputs = np.zeros((rows, width), np.float32)
    for start in range(0, rows, BLOCK):
        end = min(start + BLOCK, rows)
        _fill(features[start:end], knots, values, many, flagged, inputs[start:end])
    return inputs


@njit(cache=True, nogil=True)
def _fill(features, knots, values, many, flagged, inputs):
    columns = len(many)
    for nth in range(columns):
        last = many[nth] - 1
        for row in range(len(features)):
            inputs[row, nth] = _placed(features[row, nth], knots[nth], values[nth], last)
    for nth in range(len(flagged)):
        for row in range(len(features)):
            missing = np.isnan(features[row, flagged[nth]])
            inputs[row, columns + nth] = np.float32(1.0 if missing else 0.0)


@njit(cache=True, nogil=True)
def _placed(value, knots, values, last):
    """Where a value stands among the quantiles, by straight lines between the knots."""
    if np.isnan(value) or last < 1:
        return np.float32(0.0)
    if value <= knots[0]:
        return np.float32(values[0])
    if value >= knots[last]:
        return np.float32(values[last])
    low = 0
    for stride in HALVINGS:
        low += stride if knots[low + stride] <= value else 0
    share = (np.float64(value) - knots[low]) / (knots[low + 1] - knots[low])
    return np.float32(values[low] + share * (values[low + 1] - values[low]))


@njit(cache=True, nogil=True)
def _layer(inputs, weights, biases, outputs, size):
    """Rectified sums, `outputs` [rows, out], of `inputs` [rows, in]; `weights` are [in, out]."""
    units = len(biases)
    for row in range(0, size, 2):
        in_a, in_b = inputs[row], inputs[row + 1]
        out_a, out_b = outputs[row], outputs[row + 1]
        out_a[:] = biases
        out_b[:] = biases
        for nth in range(0, len(weights), INPUTS_AT_ONCE):
            w_0, w_1, w_2, w_3 = (
                weights[nth], weights[nth + 1], weights[nth + 2], weights[nth + 3]
            )  # fmt: skip
            a_0, a_1, a_2, a_3 = in_a[nth], in_a[nth + 1], in_a[nth + 2], in_a[nth + 3]
            b_0, b_1, b_2, b_3 = in_b[nth], in_b[nth + 1], in_b[nth + 2], in_b[nth + 3]
            for unit in range(units):
                v_0, v_1, v_2, v_3 = w_0[unit], w_1[unit], w_2[unit], w_3[unit]
                out_a[unit] += (a_0 * v_0 + a_1 * v_1) + (a_2 * v_2 + a_3 * v_3)
                out_b[unit] += (b_0 * v_0 + b_1 * v_1) + (b_2 * v_2 + b_3 * v_3)
        for unit in range(units):
            out_a[unit] = max(out_a[unit], np.float32(0.0))
            out_b[unit] = max(out_b[unit], np.float32(0.0))


@njit(cache=True, nogil=True)
def _output(units, weights, bias):
    """The network's output in float64; four sums, as one would wait for itself."""
    a, b, c, d = np.float64(bias), 0.0, 0.0, 0.0
    for nth in range(0, len(units), 4):
        a += units[nth] * weights[nth]
        b += units[nth + 1] * weights[nth + 1]
        c += units[nth + 2] * weights[nth + 2]
        d += units[nth + 3] * weights[nth + 3]
    return (a + b) + (c + d)
