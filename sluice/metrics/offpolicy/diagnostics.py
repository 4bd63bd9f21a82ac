"""What the importance weights say of a log and a target, and how many rewards speak for it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.clusters import by_cluster


@dataclass(frozen=True)
class Diagnostics:
    """Whether a log can speak for the target policy."""

    decisions: int
    users: int
    mean_weight: float
    """1 in expectation, less what the target shows and the log never could."""
    mean_weight_error: float
    """Standard error of it, clustered by user."""
    effective_sample_size: float
    """(Σ w)² / Σ w² (Kish 1965): as many decisions of the target's own would say as much."""
    largest_share: float
    """Of one decision in Σ w. The effective size is never above 1 / share²."""
    overlap: float | None
    """Share of the target's probability that lies on what the log could show; None: unknown."""
    effective_rewarded: float
    """(Σ w |r|)² / Σ (w r)²: how many clicks, were all alike, an estimate would rest on."""


def diagnose(
    weights: NDArray[np.float64],
    rewards: NDArray[np.float64],
    users: NDArray[np.int64],
    overlap: float | None = None,
) -> Diagnostics:
    """Diagnostics of some decisions; `weights`, `rewards` and `users` are [decisions]."""
    clusters = by_cluster(weights, np.ones(len(weights)), users)
    total = float(weights.sum())
    return Diagnostics(
        decisions=len(weights),
        users=len(clusters),
        mean_weight=clusters.ratio,
        mean_weight_error=clusters.standard_error(),
        effective_sample_size=_effective(weights),
        largest_share=float(weights.max()) / total if total else 1.0,
        overlap=overlap,
        effective_rewarded=_effective(weights * np.abs(rewards)),
    )


def _effective(parts: NDArray[np.float64]) -> float:
    """How many equal parts would vary as much (Kish 1965)."""
    total = float(parts.sum())
    return total**2 / float(np.square(parts).sum()) if total else 0.0
