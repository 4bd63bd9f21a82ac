"""Slow change: sums of what is beyond the usual in one direction, window after window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sluice.monitors.usual.spread import Spread

ALLOWANCE = 0.75
"""Deviations a window that are forgiven: half of the smallest lasting step that is looked for."""
HORIZON = 15
"""Windows that are summed over, the newest."""
_DRAWS = 2_000
_RESEMBLANCES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
"""For which heights are drawn; between them they are interpolated."""
_ALIKE, _STEEP = 0.4, 2.5
"""Resemblance, and standard errors of a slope, from which on a figure wanders."""
_CAP = 4.0
"""What one window can add: a single wild one is a step, and judged as such."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Of every series, up to the newest window."""

    height: NDArray[np.float64]
    """[series]; the greater of the sum upwards and that downwards."""
    since: NDArray[np.int64]
    """[series]; index of the first window of the run, which estimates when the change began."""


def cumulative_sums(moved: NDArray[np.float64]) -> Sums:
    """Two-sided CUSUM of standardised figures, [windows, series]; Page (1954), "Continuous inspection".

    S ← max(0, S + z − allowance); the last zero before the run is the estimate of the change point.
    """
    series = moved.shape[1]
    up, down = np.zeros(series), np.zeros(series)
    up_since, down_since = np.zeros(series, np.int64), np.zeros(series, np.int64)
    for window, scores in enumerate(np.clip(moved, -_CAP, _CAP)):
        up_since[up == 0] = window
        down_since[down == 0] = window
        up = np.maximum(0, up + scores - ALLOWANCE)
        down = np.maximum(0, down - scores - ALLOWANCE)
    return Sums(np.maximum(up, down), np.where(up >= down, up_since, down_since))


def keeps_level(seen: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which figures keep to a level over ordinary windows, [windows, series] to [series].

    Neither does a window resemble the one before it much, nor do they rise or fall together. Figures that
    wander, as counters of all time do, have no level that slow change could be told from.
    """
    windows = len(seen)
    at = np.arange(windows, dtype=np.float64) - (windows - 1) / 2
    slope = at @ (seen - seen.mean(axis=0)) / (at @ at)
    error = seen.std(axis=0, ddof=1) / np.sqrt(at @ at)
    return (resemblance(seen) < _ALIKE) & (np.abs(slope) < _STEEP * error)


def resemblance(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each window resembles the one before it: the correlation at lag 1, [series].

    With the first term of its bias added back (Kendall 1954, "Note on bias in the estimation of
    autocorrelation"), for the mean that is taken off makes few windows look less alike than they are.

    Args:
        moved: [windows, series].
    """
    apart = moved - moved.mean(axis=0)
    squares = (apart**2).sum(axis=0)
    products = (apart[1:] * apart[:-1]).sum(axis=0)
    lagged = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return (len(moved) * lagged + 1) / (len(moved) - 3)


def slow_limits(
    alike: NDArray[np.float64], windows: int, alarms: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Height that the sums of series without slow change exceed so seldom, [series].

    Series of the same resemblance are drawn, their level is taken over as many windows as the usual has,
    and the sums of the windows after them are taken as those of the log are: so the level's own error,
    which all windows share, is in the limit. It is normal, and so is the tail beyond what is drawn.

    Args:
        alike: correlation of a window with the one before it, [series].
        windows: ordinary ones that the level is of.
        alarms: share of windows in which any of the series may alarm.
        rng: draws.
    """
    share = alarms / max(len(alike), 1)
    by_resemblance = [_height(entry, windows, share, rng) for entry in _RESEMBLANCES]
    return np.interp(alike, _RESEMBLANCES, by_resemblance)


def _height(alike: float, windows: int, share: float, rng: np.random.Generator) -> float:
    series = _drawn(alike, windows + HORIZON, rng)
    level = Spread.of(series[:windows], np.zeros(_DRAWS, np.int64))
    tenth, hundredth = np.quantile(
        cumulative_sums(level.beyond(series[windows:])).height, [0.9, 0.99]
    )
    farther = (ndtri(1 - share) - ndtri(0.9)) / (ndtri(0.99) - ndtri(0.9))
    return float(tenth + (hundredth - tenth) * farther)


def _drawn(alike: float, length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Series of variance 1 in which each window resembles the last, [length, _DRAWS]."""
    series = rng.standard_normal((length, _DRAWS))
    fresh = np.sqrt(1 - alike**2)
    for at in range(1, length):
        series[at] = alike * series[at - 1] + fresh * series[at]
    return series
