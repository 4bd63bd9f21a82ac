"""Numba kernel of the tree scorer; imported where it is needed, as Numba is heavy.

Nothing here checks its input: `sluice.rankers.tree_scorer` does.
"""
# Numba infers the types, and wants arrays one by one.
# ruff: noqa: ANN001, ANN201, ANN202, PLR0913, PLR0917

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 128
"""Rows scored together: their columns and masks stay in the first-level cache."""
LANES = 8
"""Rows are padded to a multiple of it, so that no loop over them has a remainder."""
NODES_AT_ONCE = 4
"""Nodes tested for one read and write of the rows' masks; trees are padded to a multiple of it."""
_ZERO = float(np.float32(1e-35))
"""LightGBM takes what is this close to 0 for 0 (`kZeroThreshold`)."""


@intrinsic
def _lowest(typing_context, bits):  # noqa: ARG001 - Numba's calling convention
    """Number of the lowest bit set in an unsigned integer that is not 0."""

    def generate(context, builder, signature, arguments):
        may_be_zero = context.get_constant(types.boolean, False)  # noqa: FBT003
        lowest = builder.cttz(arguments[0], may_be_zero)
        return context.cast(builder, lowest, signature.args[0], signature.return_type)

    return types.int64(bits), generate


@njit(cache=True, nogil=True)
def score_rows(
    features, source, zero_as, nan_as, column, bound, keep, trees, leaves, values, full
):
    """Sum of the leaves that each row reaches, [rows], added tree by tree as LightGBM adds.

    Each of the [columns] copies a `source` feature and puts `zero_as` and `nan_as` for what is
    missing. A node, [nodes], sends rows with `column` > `bound` to the right: the leaves on its
    left, the zeros of `keep`, are out. The lowest leaf still in is the one reached (QuickScorer,
    Lucchese et al. 2015). `trees` [trees + 1] are offsets into nodes, `leaves` [trees] into
    `values`; `full` is the mask of all leaves.
    """
    rows = len(features)
    scores = np.empty(rows)
    cells = np.zeros((len(source), BLOCK), np.float32)
    bits = np.empty(BLOCK, keep.dtype)
    total = np.empty(BLOCK)
    for first in range(0, rows, BLOCK):
        size = min(BLOCK, rows - first)
        padded = (size + LANES - 1) // LANES * LANES
        _copy_columns(features[first : first + size], source, zero_as, nan_as, cells)
        total[:] = 0.0
        for tree in range(len(leaves)):
            bits[:padded] = full
            _test_nodes(
                cells, column, bound, keep, trees[tree], trees[tree + 1], full, bits, padded
            )
            for row in range(padded):
                total[row] += values[leaves[tree] + _lowest(bits[row])]  # pyright: ignore[reportCallIssue] - Numba passes the context
        scores[first : first + size] = total[:size]
    return scores


@njit(cache=True, nogil=True)
def _copy_columns(features, source, zero_as, nan_as, cells):
    for nth in range(len(source)):
        zero, missing = zero_as[nth], nan_as[nth]
        for row in range(len(features)):
            value = features[row, source[nth]]
            if np.isnan(value):
                value = missing
            elif abs(value) <= _ZERO:
                value = zero
            cells[nth, row] = value


@njit(cache=True, nogil=True)
def _test_nodes(cells, column, bound, keep, first, last, full, bits, padded):
    for node in range(first, last, NODES_AT_ONCE):
        cells_a, bound_a, keep_a = cells[column[node]], bound[node], keep[node]
        cells_b, bound_b, keep_b = cells[column[node + 1]], bound[node + 1], keep[node + 1]
        cells_c, bound_c, keep_c = cells[column[node + 2]], bound[node + 2], keep[node + 2]
        cells_d, bound_d, keep_d = cells[column[node + 3]], bound[node + 3], keep[node + 3]
        for row in range(padded):
            bits[row] = (
                bits[row]
                & (full if cells_a[row] <= bound_a else keep_a)
                & (full if cells_b[row] <= bound_b else keep_b)
                & (full if cells_c[row] <= bound_c else keep_c)
                & (full if cells_d[row] <= bound_d else keep_d)
            )
