"""Live rows that no part holds yet, in memory and by key, as far as the journal was read."""

import numpy as np
import polars as pl

from sluice.data.frames import empty_frame
from sluice.data.journal import JournalReader
from sluice.data.keyed_rows import Hashes, KeyedRows
from sluice.data.packed import unpack
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

_POSITION = "batch_position"
_GROWTH = 4
"""A segment is merged into the one before it until that is this many times as large."""


class RecentRows:
    """Segments of rows, the larger the older, so that a look-up asks few of them."""

    def __init__(self) -> None:
        self._read, self._compacted = 0, 0
        self._segments: dict[str, list[KeyedRows]] = {table: [] for table in TABLES}

    def catch_up(self, reader: JournalReader) -> None:
        """Read what came since, and forget what stands in parts by now."""
        if (compacted := reader.compacted()) != self._compacted:
            self._compacted = compacted
            self._forget()
        for stored in reader.batches(max(self._read, compacted)):
            self.add(stored.position, unpack(stored)[0])
        self._read = reader.position()

    def add(self, position: int, tables: LogTables) -> None:
        """Add the batch that follows the last one read."""
        self._read = position
        for table, segments in self._segments.items():
            rows = getattr(tables, table)
            if rows.height:
                positions = pl.Series(_POSITION, np.full(rows.height, position, np.int64))
                self._push(segments, KeyedRows.of(table, rows.hstack([positions])))

    def matching(self, table: str, wanted: Hashes) -> pl.DataFrame:
        """Rows with one of these hashes (sorted, each once)."""
        matched = [segment.matching(wanted) for segment in self._segments[table]]
        rows = [rows for rows in matched if rows.height]
        if not rows:
            return empty_frame(table)
        return pl.concat([empty_frame(table), *rows], how="diagonal").drop(
            _POSITION, strict=False
        )

    @staticmethod
    def _push(segments: list[KeyedRows], added: KeyedRows) -> None:
        while segments and segments[-1].frame.height < _GROWTH * added.frame.height:
            added = segments.pop().followed_by(added)
        segments.append(added)

    def _forget(self) -> None:
        for table, segments in self._segments.items():
            frames = [
                segment.frame.filter(pl.col(_POSITION) > self._compacted)
                for segment in segments
            ]
            self._segments[table] = [
                KeyedRows.of(table, frame) for frame in frames if frame.height
            ]
