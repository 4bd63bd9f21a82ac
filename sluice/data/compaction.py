"""Compaction: live batches become parts, many small parts of a day become few.

Whoever compacts holds the log's lock. Every step is named in the journal before its first file is
written, and undone or finished by whoever holds the lock next after a kill.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from sluice.data.frames import conform, empty_frame, in_order
from sluice.data.journal import Journal, PartState, StoredBatch
from sluice.data.packed import unpack
from sluice.data.parquet import table_bytes
from sluice.data.parts import Parts, PlannedPart, day_of, plan_parts, read_part
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

MAX_PARTS = 8
"""Of one table and day; where there are more, some are merged."""
MERGED_AT_ONCE = 5
MAX_MERGED_BYTES = 256 << 20
"""Parts that are larger together stay as they are: merging has to fit into memory."""
_ROWS_AT_ONCE = 1_000_000
_BATCHES_AT_ONCE = 256


@dataclass(frozen=True)
class Compacted:
    """What one compaction did."""

    batches: int
    """Batches whose rows were moved into parts, or that had none to move."""
    written: int
    """Parts written, merged ones among them."""
    merged: int
    """Parts that were replaced by a larger one."""
    dropped: int
    """Batches that are no longer kept singly."""


def recover(journal: Journal, parts: Parts) -> None:
    """Delete what a killed ingest or compaction left behind: parts pending or gone."""
    cut = journal.cut()
    if cut.hidden:
        _delete(journal, parts, cut.hidden)


def publish_pending(
    journal: Journal, parts: Parts, planned: Iterable[PlannedPart]
) -> list[str]:
    """Write parts whose rows nobody reads before a later transaction says so; their names."""
    planned = list(planned)
    names = [part.name for part in planned]
    with journal.writing() as writer:
        writer.set_state(names, PartState.PENDING)
    for part in planned:
        parts.write(part)
    return names


def withdraw(journal: Journal, parts: Parts, names: Iterable[str]) -> None:
    """Undo `publish_pending`."""
    _delete(journal, parts, names)


def move_to_parts(journal: Journal, parts: Parts, before: int) -> tuple[int, int]:
    """Write the rows of live batches accepted before a time (µs); batches moved, parts written."""
    batches = written = 0
    for chunk in _chunks(journal, before):
        last = chunk[-1].position
        names = publish_pending(journal, parts, plan_parts(_rows_of(chunk)))
        with journal.writing() as writer:
            writer.set_state(names, PartState.LIVE, last)
            writer.mark_compacted(last)
        batches += len(chunk)
        written += len(names)
    return batches, written


def merge_parts(journal: Journal, parts: Parts) -> tuple[int, int]:
    """Merge until no table has more than MAX_PARTS of one day; parts written, parts replaced."""
    written = replaced = 0
    while (small := _next_to_merge(journal, parts)) is not None:
        table, paths = small
        merged = _merged(table, paths)
        (name,) = publish_pending(journal, parts, [merged])
        order = journal.cut().order or {}
        last = max(order.get(parts.name(path), 0) for path in paths)
        old = [parts.name(path) for path in paths]
        with journal.writing() as writer:
            if last:
                writer.set_state([name], PartState.LIVE, last)
            else:
                writer.forget([name])
            writer.set_state(old, PartState.GONE)
        _delete(journal, parts, old)
        written += 1
        replaced += len(paths)
    return written, replaced


def drop_batches(journal: Journal, before: int) -> int:
    """Delete batches accepted before a time (µs) whose rows stand in parts; returns how many."""
    with journal.writing() as writer:
        through = min(writer.last_before(before), writer.compacted())
        dropped = writer.drop_through(through)
    if dropped:
        journal.give_back_space()
    return dropped


def _delete(journal: Journal, parts: Parts, names: Iterable[str]) -> None:
    names = list(names)
    parts.delete(names)
    with journal.writing() as writer:
        writer.forget(names)


def _chunks(journal: Journal, before: int) -> Iterator[tuple[StoredBatch, ...]]:
    """Batches that are to be moved, in order, of about a million rows at a time."""
    with journal.reading() as reader:
        if reader is None:
            return
        after, through = reader.compacted(), reader.last_before(before)
    while after < through:
        chunk, size = [], 0
        while after < through and size < _ROWS_AT_ONCE:
            with journal.reading() as reader:
                assert reader is not None  # noqa: S101 - a journal is never taken away
                read = reader.batches(after, _BATCHES_AT_ONCE)
            chunk += [batch for batch in read if batch.position <= through]
            after = chunk[-1].position
            size = sum(_height(batch) for batch in chunk)
        yield tuple(chunk)


def _height(batch: StoredBatch) -> int:
    """About how many rows it has; packed rows have some 20 bytes or more."""
    return sum(len(content) for content in batch.rows.values()) // 20


def _rows_of(batches: Iterable[StoredBatch]) -> LogTables:
    unpacked = [unpack(batch)[0] for batch in batches if batch.rows]
    return LogTables(
        **{
            table: _together(table, [getattr(tables, table) for tables in unpacked])
            for table in TABLES
        }
    )


def _together(table: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    return conform(table, pl.concat([empty_frame(table), *frames], how="diagonal"))


def _next_to_merge(journal: Journal, parts: Parts) -> tuple[str, list[Path]] | None:
    cut = journal.cut()
    with journal.reading() as reader:
        named = reader.named_parts() if reader else frozenset()
    for table, paths in parts.listed(cut).items():
        for _, of_day in groupby(paths, day_of):
            # What a batch names stays, so that whoever follows the log can still read it.
            free = [path for path in of_day if parts.name(path) not in named]
            if (window := _smallest_neighbours(free)) is not None:
                return table, window
    return None


def _smallest_neighbours(paths: list[Path]) -> list[Path] | None:
    """Which parts of a day to merge, if any.

    Only neighbours: rows of a request that grew keep the order in which they came.
    """
    if len(paths) <= MAX_PARTS:
        return None
    sizes = [path.stat().st_size for path in paths]
    starts = range(len(paths) - MERGED_AT_ONCE + 1)
    start = min(starts, key=lambda first: sum(sizes[first : first + MERGED_AT_ONCE]))
    if sum(sizes[start : start + MERGED_AT_ONCE]) > MAX_MERGED_BYTES:
        return None
    return paths[start : start + MERGED_AT_ONCE]


def _merged(table: str, paths: list[Path]) -> PlannedPart:
    rows = in_order(table, _together(table, [read_part(path) for path in paths]))
    return PlannedPart(table, day_of(paths[0]), rows, table_bytes(table, rows))
