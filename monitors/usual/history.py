"""Which of the windows before the watched one say what is usual, and which only since when it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sluice.monitors.usual.limits import LEAST

T = TypeVar("T")
MOST = 28
"""Ordinary windows that are looked at, the newest."""
TRAIL = 14
"""Windows before the watched one that what adds up slowly is looked for in: none of them is usual."""


@dataclass(frozen=True)
class History(Generic[T]):
    """Windows, each list in the order of time."""

    usual: tuple[T, ...]
    trail: tuple[T, ...]

    @property
    def missing(self) -> int:
        """Windows to go until there is a usual."""
        return max(0, LEAST - len(self.usual))


def divide(before: Sequence[T]) -> History[T]:
    """Divide the ordinary windows before the watched one, the newest last."""
    trail = min(TRAIL, max(0, len(before) - 2 * LEAST))
    older = before[: len(before) - trail]
    return History(tuple(older[-MOST:]), tuple(before[len(older) :]))


def alike(starts: Sequence[datetime], watched: datetime) -> list[int]:
    """Indices of the windows that say what is usual at the watched one's weekday and hour.

    Those that begin at its hour on its weekday, where there are `MOST` of them; else those at its hour,
    where there are so many; else all.
    """
    same_hour = [index for index, at in enumerate(starts) if at.hour == watched.hour]
    same_day = [
        index for index in same_hour if starts[index].weekday() == watched.weekday()
    ]
    for chosen in (same_day, same_hour):
        if len(chosen) >= MOST:
            return chosen
    return list(range(len(starts)))
