"""The event log as a release's states took it: what was there at a position, then batch by batch."""

from datetime import UTC, datetime

import polars as pl

from sluice.data.batch import Batch, micros
from sluice.data.event_log import EventLog
from sluice.data.frames import empty_frame
from sluice.data.known_rows import KEYS
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables
from sluice.serving.parity_feed import ACCEPTED, LIVE, POSITION, Feed


def read_feed(log: EventLog, surface: str, until: int, position: int) -> Feed:
    """A surface's rows that a release takes, each with its batch.

    What was in the log at `position` counts as one batch of that position: the pushes before the
    first request may be grouped in any way.

    Args:
        log: of the installation.
        surface: whose rows.
        until: µs; rows that became available before it are none of the release's.
        position: of the earliest request.

    Raises:
        Superseded: batches after the position are no longer kept singly.
    """
    moment = datetime.fromtimestamp(until / 1e6, UTC)
    everything, _ = log.since(moment, surface)
    batches = list(log.tail(position))
    singly = {
        table: pl.concat(
            [
                _of_batch(empty_frame(table), 0, 0, live=False),
                *(_of_table(tables, surface, table) for tables in batches),
            ],
            how="diagonal",
        )
        for table in TABLES
    }
    rows = {}
    for table, single in singly.items():
        # Rows are in the log once, by their keys.
        before = getattr(everything, table).join(
            single, on=KEYS[table], how="anti", nulls_equal=True, maintain_order="left"
        )
        there = _of_batch(before, position, 0, live=False)
        rows[table] = pl.concat([there, single], how="diagonal")
    return Feed.of(LogTables(**rows)).since(until)


def _of_table(batch: Batch, surface: str, table: str) -> pl.DataFrame:
    frame = getattr(batch.for_surface(surface), table)
    return _of_batch(frame, batch.position, micros(batch.accepted_at), live=batch.live)


def _of_batch(
    frame: pl.DataFrame, position: int, accepted: int, *, live: bool
) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(position, pl.Int64).alias(POSITION),
        pl.lit(accepted, pl.Int64).alias(ACCEPTED),
        pl.lit(live).alias(LIVE),
    )
