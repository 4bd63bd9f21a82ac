"""The event log as a service's state took it: rows in the order of their batches, cut by position."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.part_keys import AVAILABLE
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

POSITION, ACCEPTED, LIVE = "feed_position", "feed_accepted", "feed_live"
"""Columns beside the schema's: position, time (µs) and kind of the batch that brought a row."""


def availability(table: str) -> pl.Expr:
    """µs since when a row may be known, without any embargo."""
    return AVAILABLE[table].dt.timestamp("us")


@dataclass(frozen=True)
class Feed:
    """Rows of one surface, each with its batch, in the order of the batches."""

    rows: LogTables
    """With the columns `POSITION`, `ACCEPTED` and `LIVE`."""

    @classmethod
    def of(cls, rows: LogTables) -> "Feed":
        """A feed of rows in any order of their batches; rows of one batch keep theirs."""
        return cls(_each(lambda _, frame: frame.sort(POSITION, maintain_order=True), rows))

    def since(self, until: int) -> "Feed":
        """What a release whose snapshot ends at `until` (µs) takes of it."""
        return Feed(
            _each(
                lambda table, frame: frame.filter(availability(table) >= until), self.rows
            )
        )

    def between(self, after: int, upto: int) -> LogTables:
        """Rows of the batches after one position up to another, which is included."""

        def cut(table: str, frame: pl.DataFrame) -> pl.DataFrame:
            first, end = np.searchsorted(self._positions[table], (after, upto), "right")
            return frame.slice(int(first), int(end - first))

        return _each(cut, self._plain)

    def whole(self) -> LogTables:
        """All rows in the log's own columns."""
        return self._plain

    @cached_property
    def _plain(self) -> LogTables:
        return _each(lambda _, frame: frame.drop(POSITION, ACCEPTED, LIVE), self.rows)

    @cached_property
    def _positions(self) -> dict[str, NDArray[np.int64]]:
        return {table: getattr(self.rows, table)[POSITION].to_numpy() for table in TABLES}


def _each(
    change: Callable[[str, pl.DataFrame], pl.DataFrame], tables: LogTables
) -> LogTables:
    return LogTables(**{table: change(table, getattr(tables, table)) for table in TABLES})
