"""The event log at one moment: its parts, and the live rows that no part holds yet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import polars as pl

from sluice.data.frames import conform, empty_frame, in_order
from sluice.data.journal import Cut, Journal, StoredBatch
from sluice.data.packed import unpack
from sluice.data.parts import Parts, by_day, day_of, read_part
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class LogView:
    """Every row of the log once."""

    cut: Cut
    paths: dict[str, list[Path]]
    """Table -> its parts, in the order in which to read them."""
    live: LogTables
    """Rows that no part holds yet, in the order of their acceptance."""
    surfaces: pl.Series
    """Of the live feedback; null where it answers no request."""

    def rows(self, table: str, keep: Callable[[Path], bool]) -> pl.DataFrame:
        """Rows of the parts that are to be kept and all live rows, in canonical order."""
        paths = [path for path in self.paths[table] if keep(path)]
        days: dict[date, list[pl.DataFrame]] = {}
        for path in paths:
            days.setdefault(day_of(path), []).append(read_part(path))
        live = in_order(table, getattr(self.live, table))
        for day, rows in by_day(table, live).items():
            days.setdefault(day, []).append(rows)
        ordered = [_merged(table, days[day]) for day in sorted(days)]
        return conform(table, pl.concat([empty_frame(table), *ordered], how="diagonal"))


def look(journal: Journal, parts: Parts, read: Callable[[LogView], _Result]) -> _Result:
    """What `read` makes of the log at one moment.

    It is called again where parts that it was about to read were merged in the meantime.
    """
    while True:
        view = _view(journal, parts)
        try:
            return read(view)
        except FileNotFoundError:
            if journal.generation() == view.cut.generation:
                raise


def _view(journal: Journal, parts: Parts) -> LogView:
    while True:
        with journal.reading() as reader:
            cut = reader.cut() if reader else Cut()
            batches = reader.batches(cut.compacted) if reader else ()
        listed = parts.listed(cut)
        # A part that came or went while the folders were listed belongs to another moment.
        if journal.generation() == cut.generation:
            return LogView(cut, listed, *_live(batches))


def _live(batches: tuple[StoredBatch, ...]) -> tuple[LogTables, pl.Series]:
    unpacked = [unpack(batch) for batch in batches if batch.rows]
    tables = {
        table: pl.concat(
            [empty_frame(table), *(getattr(rows, table) for rows, _ in unpacked)],
            how="diagonal",
        )
        for table in TABLES
    }
    answered = [surfaces for _, surfaces in unpacked]
    return LogTables(**tables), pl.concat(
        [pl.Series("surface", [], pl.String()), *answered]
    )


def _merged(table: str, sources: list[pl.DataFrame]) -> pl.DataFrame:
    if len(sources) == 1:
        return sources[0]
    return in_order(table, pl.concat(sources, how="diagonal"))
