"""Bins of a column: between quantiles of the reference, one below, one above, one for NaN."""

import numpy as np
from numpy.typing import NDArray

EDGES = 31
BINS = EDGES + 2
"""The last counts NaN."""
SAMPLE = 100_000
"""Rows that quantiles are read from: their rank is wrong by .005 at most, for a tenth of the sorting."""

_APART = 0.02
"""Of the span of the middle nine tenths; quantiles nearer to each other are one."""


def reference_edges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Edges of every column, [columns, EDGES], ascending, +inf where a column has fewer.

    Bin b holds edges[b - 1] < x <= edges[b]. Edges lie halfway between quantiles that are apart: a
    value with much mass (a count of 0, a prior that moves a little every day) stays within its bin.

    Args:
        values: [rows, columns] of the reference; NaN where unknown.
    """
    return np.stack([_edges(values[:, column]) for column in range(values.shape[1])])


def _edges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    edges = np.full(EDGES, np.inf, np.float32)
    valued = np.sort(values[np.isfinite(values)])
    if not len(valued):
        return edges
    ranks = np.linspace(0, len(valued) - 1, EDGES).astype(np.int64)
    apart = _apart(np.unique(valued[ranks]), _APART * _span(_middle(valued)))
    between = (apart[:-1] + apart[1:]) / 2
    least, most = np.nextafter(valued[[0, -1]], np.array([-np.inf, np.inf], np.float32))
    cut = np.unique(np.array([least, *between, most], np.float32))[:EDGES]
    edges[: len(cut)] = cut
    return edges


def _span(ascending: NDArray[np.float32]) -> float:
    return float(ascending[-1] - ascending[0])


def _middle(valued: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values without the least and the greatest twentieth."""
    ends = len(valued) // 20
    return valued[ends : len(valued) - ends]


def _apart(values: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Ascending values of which none is nearer to the one before it."""
    kept = [values[0]]
    for value in values[1:]:
        if value - kept[-1] >= least:
            kept.append(value)
    return np.array(kept, np.float32)
