"""What each decision adds to an estimate: the common form of all estimators."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Contributions:
    """An estimate taken apart; for a ratio, its linearisation (influence function)."""

    values: NDArray[np.float64]
    """[decisions]; their mean is the estimate."""
    weights: NDArray[np.float64]
    """[decisions]; importance weights by which the log is judged, 1 in the mean."""
    lowest: float
    """What a decision of the largest weight and the worst residual would contribute."""
    highest: float
    """The same with the best residual."""
    bias: float = 0.0
    """Bound on what the estimator leaves out on purpose; it widens the interval."""


Log_contra = TypeVar("Log_contra", contravariant=True)


class Estimator(Protocol[Log_contra]):
    """A way to take an estimate apart; equal values are the same estimator."""

    @property
    def name(self) -> str:
        """As in reports, e.g. `snips`."""
        ...

    def contributions(self, log: Log_contra) -> Contributions: ...


def weighted(
    weights: NDArray[np.float64],
    residuals: NDArray[np.float64],
    base: NDArray[np.float64] | float = 0.0,
) -> Contributions:
    """Contributions `base + weights × residuals` of single decisions, all [decisions]."""
    largest, level = float(weights.max()), float(np.mean(base))
    return Contributions(
        values=base + weights * residuals,
        weights=weights,
        lowest=level + largest * min(float(residuals.min()), 0.0),
        highest=level + largest * max(float(residuals.max()), 0.0),
    )
