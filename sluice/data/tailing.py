"""Following the event log: all of a surface since a moment, then batch by batch."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sluice.data.batch import Batch, Superseded, kept, micros, moment_of, of_surface
from sluice.data.frames import conform, empty_frame
from sluice.data.journal import Journal, StoredBatch
from sluice.data.log_view import LogView, look
from sluice.data.lookup import answered_surfaces
from sluice.data.packed import unpack
from sluice.data.part_keys import AVAILABLE
from sluice.data.parts import Parts, day_of, read_part
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

_BATCHES_AT_ONCE = 64


def tail(journal: Journal, parts: Parts, after: int) -> Iterator[Batch]:
    """See `EventLog.tail`."""
    while batches := journal.batches(after, _BATCHES_AT_ONCE):
        for stored in batches:
            yield _batch(journal, parts, stored)
        after = batches[-1].position


def since(
    journal: Journal, parts: Parts, moment: datetime, surface: str
) -> tuple[LogTables, int]:
    """See `EventLog.since`."""
    start, day = micros(moment), moment.astimezone(UTC).date()

    def may_matter(path: Path) -> bool:
        # Feedback that was received late lies in the folder of the day when it happened.
        is_late = path.parent.parent.name == "feedback"
        return (is_late or day_of(path) >= day) and parts.keys(path).latest >= start

    def read(view: LogView) -> tuple[LogTables, int]:
        rows = {}
        for table in TABLES:
            frame = view.rows(table, may_matter)
            is_later = frame.select(AVAILABLE[table] >= pl.lit(moment)).to_series()
            rows[table] = kept(frame, is_later)
        surfaces = answered_surfaces(rows["feedback"], rows["exposures"], view, parts)
        return of_surface(LogTables(**rows), surfaces, surface), view.cut.position

    return look(journal, parts, read)


def _batch(journal: Journal, parts: Parts, stored: StoredBatch) -> Batch:
    accepted_at = moment_of(stored.accepted_at)
    if not stored.parts:
        return Batch(stored.position, accepted_at, *unpack(stored))
    try:
        tables = _named_rows(parts, stored)
    except FileNotFoundError as error:
        raise Superseded(
            f"Cannot follow the event log through batch {stored.position} because its parts were "
            "merged; start anew with all rows since the release's snapshot"
        ) from error

    def surfaces(view: LogView) -> pl.Series:
        return answered_surfaces(tables.feedback, tables.exposures, view, parts)

    answered = look(journal, parts, surfaces)
    return Batch(stored.position, accepted_at, tables, answered, live=False)


def _named_rows(parts: Parts, stored: StoredBatch) -> LogTables:
    frames = {table: [empty_frame(table)] for table in TABLES}
    for name in stored.parts:
        frames[name.partition("/")[0]].append(read_part(parts.path(name)))
    return LogTables(
        **{
            table: conform(table, pl.concat(rows, how="diagonal"))
            for table, rows in frames.items()
        }
    )
