"""Parity of a window: every release that answered in it, asked again of its own bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sluice.data.batch import Superseded
from sluice.data.event_log import EventLog
from sluice.data.schema import FeedbackKind
from sluice.errors import IntegrityError, NotFound
from sluice.metrics.parity_report import NAMED, ParityReport, ReleaseParity
from sluice.serving.delays import event_delays, spread_of
from sluice.serving.parity_feed import Feed
from sluice.serving.parity_log import read_feed
from sluice.serving.parity_quality import Labels, labels_of
from sluice.serving.recomputation import Recomputation
from sluice.serving.release import LoadedRelease, open_release
from sluice.serving.release_tally import ReleaseTally
from sluice.serving.served_answers import Group, ServedAnswers, earlier_places

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


def measure(place: Place, snapshot: Asked, measured_at: datetime) -> ParityReport:
    """Compute a window's answers again, release by release.

    Args:
        place: where they lie.
        snapshot: which.
        measured_at: now, UTC.

    Raises:
        Superseded: the log no longer keeps the batches of the window one by one, so that nobody can
            tell what a state knew when.
    """
    served = ServedAnswers.read(place.predictions, snapshot.start, snapshot.end)
    opened = {build: _opened(place.releases, build) for build in served.releases()}
    usable = {
        digest: loaded
        for digest, loaded in opened.items()
        if isinstance(loaded, LoadedRelease)
    }
    untils = [loaded.manifest.provenance.until for loaded in usable.values()]
    groups, feed = _history(place, snapshot, served, min([snapshot.start, *untils]))
    requests = served.frame["request_id"].unique().to_list()
    labels = labels_of(feed.whole().feedback, snapshot.label, requests)
    measured: list[ReleaseParity] = []
    for digest, loaded in opened.items():
        own = [group for group in groups if group.release == digest]
        parity = (
            _measured(loaded, own, feed, labels)
            if isinstance(loaded, LoadedRelease)
            else _unusable(digest, own, loaded)
        )
        measured.append(parity)
    return _report(place, snapshot, served, tuple(measured), feed, measured_at)


def _opened(releases: Path, digest: str) -> LoadedRelease | str:
    """The release with its golden requests repeated, as it came into service, or why not."""
    try:
        return open_release(releases / digest, digest)
    except NotFound:
        return f"release {digest[:12]} is not there any more"
    except IntegrityError as error:
        return str(error)


def _history(
    place: Place, query: Asked, served: ServedAnswers, since: int
) -> tuple[tuple[Group, ...], Feed]:
    """The answers with what came before them, and the feed from the first of those on.

    Where the log no longer keeps so old batches one by one, what was answered before the window is
    left out: a late event of that time then counts from its own time on.
    """
    processes = served.frame["process"].unique()
    earlier = earlier_places(place.predictions, processes, since, query.start)
    groups = served.groups(earlier)
    try:
        return groups, _feed(place, groups, since)
    except Superseded:
        groups = served.groups(earlier.clear())
        return groups, _feed(place, groups, since)


def _feed(place: Place, groups: Sequence[Group], since: int) -> Feed:
    position = min((group.position for group in groups), default=0)
    return read_feed(place.log, place.surface, since, position)


def _measured(
    release: LoadedRelease, groups: Sequence[Group], feed: Feed, labels: Labels
) -> ReleaseParity:
    own = feed.since(release.manifest.provenance.until)
    tally = ReleaseTally(release.digest, release.scorer.state.names, labels)
    for group in groups:
        recomputation = Recomputation(release.scorer, own)
        recomputation.go_past(group.earlier)
        for block in recomputation.blocks(group.answers(), group.times):
            tally.add(block)
        tally.late += recomputation.late
    return tally.report()


def _unusable(digest: str, groups: Sequence[Group], why: str) -> ReleaseParity:
    """A release that cannot be asked: not one of its answers is known to be its own."""
    names = [
        f"{group.process}:{sequence}"
        for group in groups
        for sequence in group.rows["sequence"].head(NAMED)
    ]
    requests = sum(len(group.rows) for group in groups)
    return ReleaseParity(digest, requests, 0, other=tuple(names[:NAMED]), unusable=why)


def _report(
    place: Place,
    snapshot: Asked,
    served: ServedAnswers,
    releases: tuple[ReleaseParity, ...],
    feed: Feed,
    measured_at: datetime,
) -> ParityReport:
    seen = served.frame
    return ParityReport(
        surface=place.surface,
        start=_moment(snapshot.start),
        end=_moment(snapshot.end),
        measured_at=measured_at,
        releases=releases,
        lost=served.lost,
        delays=event_delays(feed, snapshot.start, snapshot.end),
        state_age=spread_of(
            seen.filter(pl.col("state_clock") > 0)
            .select((pl.col("ts").dt.timestamp("us") - pl.col("state_clock")) / _SECOND)
            .to_series()
            .to_numpy()
        ),
        unknown_items=_share(seen["unknown_items"], seen["candidates"].list.len()),
        unknown_users=_share(seen["unknown_user"], pl.Series([len(seen)])),
    )


def _share(part: pl.Series, whole: pl.Series) -> float | None:
    """Of the sums."""
    total = float(whole.sum())
    return float(part.sum()) / total if total else None


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / _SECOND, UTC)


def place_of(request: Mapping[str, str]) -> Place:
    """Where a flow says that things lie."""
    return Place(
        request["surface"],
        Path(request["predictions"]),
        Path(request["releases"]),
        EventLog(Path(request["log"])),
    )
