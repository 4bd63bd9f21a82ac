"""Limits: how great the greatest of many scores may be, by what it was in ordinary windows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.usual.finding import Family
from sluice.monitors.usual.spread import limit_of_greatest

LEAST = 7
"""Ordinary windows before anything is judged, and later ones before they have a say in a limit."""
FALSE_ALARMS = 0.01
"""Share of ordinary windows that may be called bad, over all families."""
BY_FAMILY = FALSE_ALARMS / 4
"""The same, of one family: columns, segments, shares, slow."""

FLOOR = 3.0
"""Deviations that are usual whatever was seen: of few figures the greatest may hardly ever move."""

Greatest = Mapping[Family, NDArray[np.float64]]
"""Greatest score of each family, [windows]."""


def greatest(
    scores: NDArray[np.float64], moved: NDArray[np.float64], shares: int
) -> Greatest:
    """Each window's own greatest score by family.

    Args:
        scores: [windows, figures, groups, columns]; the first group is everywhere.
        moved: [windows, series], with their sign.
        shares: how many of the series, the first, are volumes, shares and answers.
    """
    return {
        Family.COLUMNS: scores[:, :, 0].max(axis=(1, 2)),
        Family.SEGMENTS: scores[:, :, 1:].max(axis=(1, 2, 3), initial=0.0),
        Family.SHARES: np.abs(moved[:, :shares]).max(axis=1),
    }


def limits(
    ordinary: Greatest, later: Greatest, alarms: float = BY_FAMILY
) -> dict[Family, float]:
    """What the greatest score of a window may be, by family.

    Windows that the usual was learned from, each left out in turn, lie between their neighbours; a
    window that is judged lies after all of them, and counters wander. So the windows between
    the two, judged as the watched one is, have their own say: the higher limit holds. Medians and quartiles
    bear a quarter of them being bad.

    Args:
        ordinary: of the windows that the usual was learned from, each left out.
        later: of those between them and the watched one; ignored where fewer than `LEAST`.
        alarms: share of ordinary windows that may lie beyond.
    """
    learned = {
        family: max(FLOOR, limit_of_greatest(seen, alarms))
        for family, seen in ordinary.items()
    }
    return {
        family: max(limit, limit_of_greatest(later[family], alarms))
        if len(later[family]) >= LEAST
        else limit
        for family, limit in learned.items()
    }
