"""A batch of the event log's rows, as it was accepted, and what a live intake answers."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from sluice.data.tables import LogTables
from sluice.errors import SluiceError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Superseded(SluiceError):
    """Batches that a tailer has not read are no longer kept singly; start anew with `since`."""


@dataclass(frozen=True)
class RefusedRow:
    """One row that was not taken."""

    table: str
    row: int
    """Index in the frame that was handed in."""
    field: str | None
    """The column at fault; None where it is the row as a whole."""
    code: str
    """The rule's name."""
    message: str
    """Why, for people; repeats nothing of the row."""


@dataclass(frozen=True)
class Batch:
    """Rows that were accepted together."""

    position: int
    """1, 2, 3 ... in the order of acceptance."""
    accepted_at: datetime
    tables: LogTables
    surfaces: pl.Series
    """A feedback row's surface: that of the request it answers; null where it answers none."""
    live: bool = True
    """Taken live; of a bulk ingest `accepted_at` says nothing of how late its rows were."""

    def for_surface(self, surface: str) -> LogTables:
        """The surface's exposures, the feedback on them or on no request, and all items."""
        return of_surface(self.tables, self.surfaces, surface)


@dataclass(frozen=True)
class Taken:
    """What one live intake did."""

    accepted: int
    """Rows that are new and durable now."""
    repeated: int
    """Rows that were there already, or twice in the batch, alike in every column."""
    refused: tuple[RefusedRow, ...]
    position: int
    """A reader who has come this far has met every row accepted or repeated."""
    fresh: Batch | None
    """The accepted rows; None where there is none."""


def of_surface(tables: LogTables, surfaces: pl.Series, surface: str) -> LogTables:
    """See `Batch.for_surface`."""
    return LogTables(
        exposures=kept(tables.exposures, tables.exposures["surface"] == surface),
        feedback=kept(tables.feedback, surfaces.is_null() | (surfaces == surface)),
        items=tables.items,
    )


def kept(rows: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
    """Rows where the mask is true; not copied where it is true of all."""
    return rows if mask.all() else rows.filter(mask)


def micros(moment: datetime) -> int:
    """µs since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
