"""The content-ecosystem scorecard of a surface: its log measured, cut, held against targets and the champion before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sluice.data.event_log import EventLog
from sluice.data.tables import Window
from sluice.ecosystem.change import Change, change
from sluice.ecosystem.dimension import labels
from sluice.ecosystem.encoding import Encoded, encode
from sluice.ecosystem.scorecard import Card, Segments, card, segments
from sluice.ecosystem.settings import Stated
from sluice.ecosystem.verdict import Verdict, verdict
from sluice.flows.reporting import step
from sluice.registry.reigns import Reign, reigns
from sluice.store.port import Store
from sluice.surface import Surface


@dataclass(frozen=True)
class Successor:
    """The champion beside the one before, each on what it ranked in the window."""

    version: int
    before: int
    told_by: str
    """How a request's champion is known: the log's release, or the time."""
    now: Card
    earlier: Card
    changes: Mapping[str, Change]
    """By measure, where both have an interval."""


@dataclass(frozen=True)
class Scorecard:
    """What `sluice ecosystem` shows."""

    surface: str
    start: datetime
    end: datetime
    stated: Stated
    whole: Card
    verdicts: Mapping[str, Verdict]
    """Of every declared target, by measure."""
    segments: Segments | None
    successor: Successor | None
    no_successor: str | None
    """Why the champion is not held against the one before."""
    unsaid: tuple[str, ...]
    """What the log does not say."""

    @property
    def missed(self) -> tuple[str, ...]:
        """Measures that lie where they should not."""
        return tuple(
            name for name, reached in self.verdicts.items() if reached is Verdict.MISSED
        )


def scorecard(
    declared: Surface,
    log: EventLog,
    store: Store | None,
    span: tuple[datetime | None, datetime | None] = (None, None),
    by: str | None = None,
) -> Scorecard:
    """Measure a surface's exposures.

    Args:
        declared: the surface; its `ecosystem` table says what is stated and aimed at.
        log: the installation's.
        store: says who was champion; None where there is none yet.
        span: first moment and end of the exposures; the log's own where None.
        by: a dimension to cut by, as `sluice.ecosystem.dimension.labels` knows them.

    Raises:
        ConfigError: the log has no such dimension, or the span ends before it begins.
        TooLittleData: fewer people than may be spoken of.
    """
    stated = declared.ecosystem.stated
    with step("log"):
        window = _window(log, *span)
        encoded = encode(log.read(window), declared.name, window, stated)
    with step("figures"):
        whole = card(encoded.exposures)
        cut = segments(encoded.exposures, by, labels(encoded, by)) if by else None
    with step("champions"):
        successor, reason = _successor(encoded, declared.name, store)
    targets = declared.ecosystem.targets
    return Scorecard(
        surface=declared.name, start=window.start, end=window.end, stated=stated, whole=whole,
        verdicts={name: verdict(whole.figures[name], target) for name, target in targets.items()},
        segments=cut, successor=successor, no_successor=reason, unsaid=encoded.unsaid,
    )  # fmt: skip


def _window(log: EventLog, start: datetime | None, end: datetime | None) -> Window:
    if start is not None and end is not None:
        return Window(start, end)
    whole = log.window()
    return Window(start or whole.start, end or whole.end)


def _successor(
    encoded: Encoded, surface: str, store: Store | None
) -> tuple[Successor | None, str | None]:
    if store is None:
        return None, "no version was ever made here"
    shown = encoded.exposures
    last = [reign for reign in reigns(store, surface) if _micros(reign.since) < shown.end]
    if len(last) < 2:
        return None, "there was no champion before the one of this window"
    earlier, now = last[-2:]
    told_by, theirs, ours = _ranked_by(encoded, earlier, now)
    parts = shown.where(ours), shown.where(theirs)
    least, others = shown.stated.min_people, shown.where(~(ours | theirs)).people
    if min(part.people for part in parts) < least:
        return (
            None,
            f"one of the last two champions ranked for fewer than {least} people here",
        )
    # The whole less both would be what a few people were shown.
    if 0 < others < least:
        return None, f"others ranked for fewer than {least} people here"
    cards = card(parts[0]), card(parts[1])
    changes = {
        name: difference
        for name, figure in cards[0].figures.items()
        if (difference := change(figure, cards[1].figures[name], shown.stated.confidence))
    }
    return Successor(now.version, earlier.version, told_by, *cards, changes), None


def _ranked_by(
    encoded: Encoded, earlier: Reign, now: Reign
) -> tuple[str, NDArray[np.bool_], NDArray[np.bool_]]:
    """How it is known, and which requests each champion ranked."""
    releases = encoded.requests["release"]
    if releases.null_count() < len(releases):
        ours = (releases == now.release).fill_null(value=False).to_numpy()
        theirs = (releases == earlier.release).fill_null(value=False).to_numpy()
        return "release", theirs, ours
    moment, moved = encoded.exposures.moment, _micros(now.since)
    return "time", (moment >= _micros(earlier.since)) & (moment < moved), moment >= moved


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
