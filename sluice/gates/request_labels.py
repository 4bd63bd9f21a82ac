"""What requests are sliced by."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.metrics.slice_labels import activity_labels, hour_labels, quantile_labels

Labels = Mapping[str, NDArray[np.str_]]


def request_labels(judged: RankingFrame) -> Labels:
    """What requests are sliced by: hour of the day, the person's activity, candidates, [requests]."""
    sizes = np.diff(judged.offsets).astype(np.float64)
    return {
        "hour": hour_labels(judged.ts),
        "activity": activity_labels(judged.users),
        "candidates": quantile_labels(sizes),
    }
