"""Labels by which requests are sliced."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_HOUR_US = 3_600_000_000
_HOURS = np.array(["00-05", "06-11", "12-17", "18-23"])


def hour_labels(ts: NDArray[np.int64]) -> NDArray[np.str_]:
    """Quarter of the day, UTC, of moments in µs since the epoch, [requests]."""
    return _HOURS[ts // _HOUR_US % 24 // 6]


def activity_labels(
    users: NDArray[np.int64], edges: Sequence[int] = (2, 5, 10)
) -> NDArray[np.str_]:
    """How many of these requests the user made: `1`, `2-4`, `5-9`, `10+` by default, [requests]."""
    _, code, count = np.unique(users, return_inverse=True, return_counts=True)
    starts = [1, *edges]
    ends = [*(edge - 1 for edge in edges), None]
    names = [_span(start, end) for start, end in zip(starts, ends, strict=True)]
    return np.array(names)[np.searchsorted(edges, count[code], side="right")]


def quantile_labels(values: NDArray[np.float64], parts: int = 4) -> NDArray[np.str_]:
    """`1/4` (lowest) to `4/4` by the values' quantiles, `unknown` where NaN, [requests].

    Equal values share a label, so a part may be larger than the others, or empty.
    """
    present = ~np.isnan(values)
    labels = np.full(len(values), "unknown", dtype="U16")
    if present.any():
        edges = np.quantile(values[present], np.arange(1, parts) / parts)
        part = np.searchsorted(edges, values[present], side="left")
        labels[present] = np.array([f"{at}/{parts}" for at in range(1, parts + 1)])[part]
    return labels


def _span(start: int, end: int | None) -> str:
    if end is None:
        return f"{start}+"
    return str(start) if start == end else f"{start}-{end}"
