"""How much a figure usually varies, and how far a window lies beyond it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_PRIOR = 6.0
"""Windows' worth of belief that a figure varies as much as figures of its kind do."""
STEADY = 1e-9
"""A deviation below it is rounding: the figure never varies."""
_QUARTILES = float(-np.log(-np.log(0.75)) + np.log(-np.log(0.25)))
"""Between the quartiles of a Gumbel distribution of scale 1."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean and deviation of many figures over the ordinary windows."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    windows: int

    @classmethod
    def of(cls, seen: NDArray[np.float64], kinds: NDArray[np.int64]) -> Self:
        """Of figures over windows, [windows, figures], NaN where unknown.

        A deviation from few windows is itself uncertain, and among thousands of figures some are far
        too small by chance; each is drawn towards the median of its kind (Smyth 2004, "Linear models and
        empirical Bayes methods for assessing differential expression in microarray experiments").

        Args:
            seen: the figures.
            kinds: [figures]; those of one kind vary alike.
        """
        windows = len(seen)
        mean, variance = seen.mean(axis=0), seen.var(axis=0, ddof=1)
        drawn = variance.copy()
        varying = variance[variance > STEADY**2]
        any_kind = float(np.median(varying)) if len(varying) else 0.0
        for kind in np.unique(kinds):
            of_kind = kinds == kind
            usual = variance[of_kind & np.isfinite(variance)]
            prior = float(np.median(usual)) if len(usual) else 0.0
            # Of what never varied yet nobody knows how much it may; as much as others do.
            prior = prior if prior > STEADY**2 else any_kind
            degrees = windows - 1
            drawn[of_kind] = (_PRIOR * prior + degrees * variance[of_kind]) / (
                _PRIOR + degrees
            )
        return cls(mean, np.sqrt(drawn), windows)

    def beyond(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Deviations from the mean, in that of a new window; 0 where nothing ever varies or is known."""
        own = self.deviation * np.sqrt(1 + 1 / self.windows)
        scores = np.divide(
            figures - self.mean, own, out=np.zeros_like(figures), where=own > STEADY
        )
        return np.nan_to_num(scores, nan=0.0)

    def leave_one_out(
        self, seen: NDArray[np.float64], kinds: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Each window held against the others only, [windows, figures]: what is usual of a new one."""
        index = np.arange(len(seen))
        return np.stack([
            Spread.of(seen[index != window], kinds).beyond(seen[window]) for window in index
        ])  # fmt: skip


def limit_of_greatest(greatest: NDArray[np.float64], alarms: float) -> float:
    """What the greatest of many scores exceeds in this share of ordinary windows.

    A Gumbel quantile: the greatest of many figures follows it, and correlations among them, which no
    correction by their number knows, are in what was seen. By median and quartiles, for one window with
    a thing of its own must not hide the next; few windows widen it.

    Args:
        greatest: [windows].
        alarms: share of ordinary windows that may lie beyond.
    """
    low, middle, high = np.quantile(greatest, [0.25, 0.5, 0.75])
    scale = float(high - low) / _QUARTILES * (1 + 2 / np.sqrt(len(greatest)))
    return float(middle) + scale * float(np.log(np.log(2.0)) - np.log(-np.log1p(-alarms)))
