"""Figures that grow steadily, as counters of all time do: their line is what is usual of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.usual.spread import STEADY, Spread


@dataclass(frozen=True, eq=False)
class Trend:
    """A straight line for each figure over the ordinary windows, and how far they lie from it."""

    level: NDArray[np.float64]
    """[figures]; at the middle of the windows."""
    slope: NDArray[np.float64]
    """[figures]; by window."""
    spread: Spread
    """Of what the line leaves."""

    @classmethod
    def of(cls, seen: NDArray[np.float64], kinds: NDArray[np.int64]) -> Self:
        """Least squares over consecutive windows, [windows, figures]; unknown figures stay unknown."""
        at = _centred(len(seen))
        slope = at @ seen / (at @ at)
        level = seen.mean(axis=0)
        return cls(level, slope, Spread.of(seen - level - np.outer(at, slope), kinds))

    def expected(self, ahead: int) -> NDArray[np.float64]:
        """What the line says of the window so many after the last ordinary one, [figures]."""
        return self.level + self.slope * self._distance(ahead)

    def deviation(self, ahead: int) -> NDArray[np.float64]:
        """How far that window may lie from the line: the farther ahead, the less the line says."""
        windows, distance = self.spread.windows, self._distance(ahead)
        at = _centred(windows)
        return self.spread.deviation * np.sqrt(1 + 1 / windows + distance**2 / (at @ at))

    def beyond(self, figures: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
        """Deviations from the line, with their sign; 0 where nothing ever varies or is known."""
        own = self.deviation(ahead)
        apart = figures - self.expected(ahead)
        return np.nan_to_num(
            np.divide(apart, own, out=np.zeros_like(apart), where=own > STEADY)
        )

    def among_themselves(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """Deviations of the ordinary windows from a line that did not see them, [windows, figures]."""
        at = _centred(len(seen))
        leverage = 1 / len(seen) + at**2 / (at @ at)
        left = seen - self.level - np.outer(at, self.slope)
        apart = left / (1 - leverage)[:, None]
        own = self.spread.deviation
        return np.nan_to_num(
            np.divide(apart, own, out=np.zeros_like(apart), where=own > STEADY)
        )

    def _distance(self, ahead: int) -> float:
        return (self.spread.windows - 1) / 2 + ahead


def _centred(windows: int) -> NDArray[np.float64]:
    return np.arange(windows, dtype=np.float64) - (windows - 1) / 2
