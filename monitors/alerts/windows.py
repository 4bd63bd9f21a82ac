"""When an alert is raised and when it is over, from the verdicts of windows alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sluice.data.tables import Window
from sluice.store.records import Outcome


class Standing(StrEnum):
    """States of an alert.

        (none) -- bad of the last `windows` are bad, the newest too --> OPEN
        OPEN   -- the newest is good, and fewer than `bad` of the last are bad --> RESOLVED

    A window that nobody could judge neither raises an alert nor ends one.
    """

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Judged:
    """What a monitor said of one window."""

    window: Window
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Episode:
    """One time that something was wrong, from its first bad window on."""

    since: datetime
    """Start of the first bad window."""
    worst: Judged
    """The newest bad window."""
    windows: int
    """Bad ones so far."""
    resolved: datetime | None
    """End of the window that was good again."""

    @property
    def standing(self) -> Standing:
        return Standing.OPEN if self.resolved is None else Standing.RESOLVED


def episodes(judged: Sequence[Judged], *, bad: int, windows: int) -> tuple[Episode, ...]:
    """Every time that an alert was due, oldest first.

    Args:
        judged: of one kind of monitor, in the order of time.
        bad: windows that must be bad.
        windows: the newest so many, among which these are.
    """
    judgeable = [window for window in judged if window.outcome is not Outcome.INCONCLUSIVE]
    past: list[Episode] = []
    first = 0  # windows of an episode that is over do not count again
    for at, newest in enumerate(judgeable):
        last = judgeable[max(first, at + 1 - windows) : at + 1]
        lately = [window for window in last if window.outcome is Outcome.FAIL]
        is_bad = newest.outcome is Outcome.FAIL
        running = past[-1] if past and past[-1].resolved is None else None
        if running and is_bad:
            past[-1] = replace(running, worst=newest, windows=running.windows + 1)
        elif running and len(lately) < bad:
            past[-1] = replace(running, resolved=newest.window.end)
            first = at + 1
        elif not running and is_bad and len(lately) >= bad:
            past.append(Episode(lately[0].window.start, newest, len(lately), None))
    return tuple(past)
