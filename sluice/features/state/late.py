"""Events that arrive after their time: what they are counted as, and how many they were."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

import numpy as np

from sluice.errors import DataError
from sluice.features.declaration.layout import NEVER
from sluice.features.state.intake import Arrivals, Events


class Late(Enum):
    """What becomes of an event that was known by the state's clock: answers did not count it."""

    REFUSE = "refuse"
    """The whole batch is refused: offline, what was answered has to be what was known."""
    COUNT = "count"
    """It counts from the next moment on, 1 µs after the clock."""


@dataclass(frozen=True)
class Pushed:
    """What one batch brought."""

    arrivals: Mapping[str, Arrivals]
    """By kind of those that are counted, the events in codes, as they came."""
    late: int
    """Events of these kinds that were known by the clock."""
    late_facts: int
    """Facts about items that held by the clock: believed from the next moment on, where no newer one is."""


def in_time(events: list[Events], clock: int, late: Late) -> tuple[list[Events], int]:
    """The events, none of them before `clock` + 1 µs, and how many of them were.

    Raises:
        DataError: there are some, and they are to be refused.
    """
    many = int(sum(np.count_nonzero(event.at <= clock) for event in events))
    if not many or clock == NEVER:
        return events, 0
    if late is Late.REFUSE:
        raise DataError(
            f"{many} events were known by {moment(clock)}, which the state has passed; "
            "push events in the order in which they are received"
        )
    return [replace(event, at=np.maximum(event.at, clock + 1)) for event in events], many


def moment(ts: int) -> str:
    """A time in µs as people read it."""
    if ts == NEVER:
        return "no time at all"
    return datetime.fromtimestamp(ts / 1e6, tz=UTC).isoformat()
