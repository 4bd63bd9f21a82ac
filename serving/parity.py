"""Parity of a window: every release that answered in it, asked again of its own bytes."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from serving.delays import spread_of
from serving.served_answers import ServedAnswers
from sluice.data.event_log import EventLog
from sluice.data.schema import FeedbackKind
from sluice.metrics.parity_report import ParityReport

_SECOND = 1e6


@dataclass(frozen=True)
class Place:
    """Where what was served lies."""

    surface: str
    predictions: Path
    """Folder of the surface's prediction log."""
    releases: Path
    log: EventLog


@dataclass(frozen=True)
class Asked:
    """Which answers are computed again."""

    start: int
    """µs, like `end`, which is not part of the window."""
    end: int
    label: FeedbackKind


def measure(place: Place, asked: Asked, measured_at: datetime) -> ParityReport:
    """Compute a window's answers again, release by release.

    Args:
        place: where they lie.
        asked: which.
        measured_at: now, UTC.
    """
    served = ServedAnswers.read(place.predictions, asked.start, asked.end)
    measured = [_of_release(place, asked, served, each) for each in served.releases()]
    seen = served.frame
    return ParityReport(
        surface=place.surface,
        start=_moment(asked.start),
        end=_moment(asked.end),
        measured_at=measured_at,
        releases=tuple(parity for parity, _ in measured),
        lost=served.lost,
        # Each release takes what it does not know: the oldest of them has met all of the window.
        delays=measured[0][1] if measured else (),
        state_age=spread_of(_ages(seen)),
        unknown_items=_share(
            seen["unknown_items"].sum(), seen["candidates"].list.len().sum()
        ),
        unknown_users=_share(seen["unknown_user"].sum(), len(seen)),
    )
