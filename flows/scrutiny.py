"""A closer look at a candidate, shown to the reviewer: its reliability, and how much it reorders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.gates.calibration import promised
from sluice.metrics import likeness
from sluice.metrics.calibration import reliability
from sluice.rankers import Ranker


def reliabilities(candidate: Ranker, judged: RankingFrame) -> dict[str, dict[str, Any]]:
    """By objective, predicted and observed rates in bins of equal mass, for a plot."""
    bins = {name: reliability(promise) for name, promise in promised(candidate, judged)}
    return {
        name: {
            "predicted": reliabilities.predicted.tolist(),
            "observed": reliabilities.observed.tolist(),
            "counts": reliabilities.counts.tolist(),
        }
        for name, reliabilities in bins.items()
    }


def churn(
    candidate: NDArray[np.float64], champion: NDArray[np.float64], judged: RankingFrame
) -> dict[str, float]:
    """How alike candidate and champion order the same requests; 1 is the same order."""
    alike = likeness(candidate, champion, judged)
    return {name: alike.mean(name) for name in alike.names}
