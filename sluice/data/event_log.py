"""The event log: three tables as Parquet, one folder a day, each part named by its digest.

```
<root>/exposures/day=2026-01-05/3f9c0a….parquet     by the request's day (UTC)
<root>/feedback/day=2026-01-05/…                    by the day it happened
<root>/items/day=2026-01-05/…                       by the day it became valid
<root>/quarantine/<table>/…                         rows set aside, with their reason
<root>/journal.db                                   what was accepted, in order; live rows inline
<root>/.keys/<table>/…                              which keys a part holds; derived
```

Both ways in are idempotent: rows that are there already are skipped and counted, so that a killed
ingest, or an intake that got no answer, is simply run again.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from sluice.data import tailing
from sluice.data.batch import Batch, Taken, micros
from sluice.data.compaction import (
    Compacted,
    drop_batches,
    merge_parts,
    move_to_parts,
    publish_pending,
    recover,
    withdraw,
)
from sluice.data.frames import conform, empty_frame
from sluice.data.intake import judge
from sluice.data.journal import Journal
from sluice.data.keyed_rows import key_hashes
from sluice.data.known_rows import compare_rows, without_repeats
from sluice.data.log_view import LogView, look
from sluice.data.lookup import Known, Lookup
from sluice.data.packed import pack, unpack
from sluice.data.parts import Parts, day_of, plan_parts, read_part, sweep
from sluice.data.quarantine import set_aside, sift
from sluice.data.row_rules import REQUEST_COLUMNS, Faults, find_faults, refuse
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables, Window
from sluice.errors import TooLittleData

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Appended:
    """What one ingest did."""

    exposures: int
    feedback: int
    items: int
    """Rows written, by table."""
    skipped: int
    """Rows that were in the log already, or twice in the batch, alike in every column."""
    quarantined: dict[str, int]
    """Rule -> rows set aside."""


@dataclass(frozen=True)
class EventLog:
    """The log under one folder; several processes may read, take and append at once."""

    root: Path
    _journal: Journal = field(init=False, repr=False, compare=False)
    _parts: Parts = field(init=False, repr=False, compare=False)
    _lookup: Lookup = field(init=False, repr=False, compare=False)
    _turn: threading.RLock = field(init=False, repr=False, compare=False)
    """Of the threads that look up or take; processes take turns at the journal."""

    def __post_init__(self) -> None:
        parts = Parts(self.root)
        for name, value in (
            ("_journal", Journal(self.root)),
            ("_parts", parts),
            ("_lookup", Lookup(parts)),
            ("_turn", threading.RLock()),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[type["EventLog"], tuple[Path]]:
        return EventLog, (self.root,)

    def append(
        self, tables: LogTables, *, quarantine: bool = False, at: datetime | None = None
    ) -> Appended:
        """Check the rows and add those that are not there yet.

        Args:
            tables: from an adapter or the generated feed.
            quarantine: set bad rows aside instead of refusing the batch.
            at: the ingest's time, after which an event lies in the future; now where not given.

        Raises:
            SchemaError: a table has not the declared columns and types.
            BadRows: rows broke a rule, or say otherwise than the log does, and `quarantine` is
                off; nothing was written.
        """
        batch = LogTables(**{name: conform(name, getattr(tables, name)) for name in TABLES})
        at = at or datetime.now(UTC)
        with self._locked():
            while True:
                stored, position = self._known(batch)
                fresh, faults = self._judge(batch, stored, at)
                if not quarantine:
                    refuse(faults.counts, f"event log {self.root}")
                sifted = sift(fresh, faults)
                set_aside(sifted, self.root)
                if self._write(sifted.good, position, at):
                    break
        return Appended(
            exposures=sifted.good.exposures.height,
            feedback=sifted.good.feedback.height,
            items=sifted.good.items.height,
            skipped=sum(
                getattr(batch, table).height - getattr(fresh, table).height
                for table in TABLES
            ),
            quarantined=sifted.counts,
        )

    def take(
        self,
        tables: LogTables,
        at: datetime | None = None,
        *,
        offset: tuple[str, str] | None = None,
    ) -> Taken:
        """Take live rows, each judged by itself; what was accepted is durable on return.

        Args:
            tables: rows as they came; a request may grow by items that it did not show before.
            at: now, after which (and CLOCK_AHEAD) an event lies in the future.
            offset: a feed's name and how far it is read with this batch, kept with its rows.

        Raises:
            SchemaError: a table has not the declared columns and types; nothing was taken.
        """
        batch = LogTables(**{name: conform(name, getattr(tables, name)) for name in TABLES})
        at = at or datetime.now(UTC)
        with self._turn:
            with self._journal.writing() as writer:
                judged = judge(batch, self._lookup.known(writer, batch), at)
                position = writer.position()
                if judged.accepted:
                    rows = pack(judged.fresh, judged.surfaces)
                    position = writer.add(micros(at), rows)
                if offset is not None:
                    writer.set_offset(*offset)
            if judged.accepted:
                self._lookup.recent.add(position, judged.fresh)
        fresh = Batch(position, at, judged.fresh, judged.surfaces)
        return Taken(
            accepted=judged.accepted,
            repeated=judged.repeated,
            refused=judged.refused,
            position=position,
            fresh=fresh if judged.accepted else None,
        )

    def offset(self, source: str) -> str | None:
        """How far a feed was read into the log; None where it never was."""
        return self._journal.offset(source)

    def position(self) -> int:
        """Of the last batch that was accepted; 0 before the first."""
        return self._journal.position()

    def changed(self, since_position: int) -> bool:
        """Whether any process added a batch after that position; some µs, never out of date."""
        return self._journal.position() > since_position

    def tail(self, after: int) -> Iterator[Batch]:
        """The batches after a position, in order, to the last one there is.

        Raises:
            Superseded: some are no longer kept singly; start anew with `since`.
        """
        return tailing.tail(self._journal, self._parts, after)

    def since(self, moment: datetime, surface: str) -> tuple[LogTables, int]:
        """A surface's rows that became available at a moment or later, and how far that reads.

        Whoever goes on with `tail` from that position misses no row and meets none twice.

        Raises:
            IntegrityError: a part is truncated or changed; names the file.
        """
        return tailing.since(self._journal, self._parts, moment, surface)

    def compact(
        self, older_than: timedelta, keep: timedelta, at: datetime | None = None
    ) -> Compacted | None:
        """Write live rows into parts, merge small parts, and forget old batches.

        Cheap where there is little to do, so that a service may call it every few minutes.

        Args:
            older_than: age from which a live batch is written into parts.
            keep: age up to which a batch can be followed with `tail`.
            at: now.

        Returns:
            What was done; None where another process compacts or ingests.
        """
        now = at or datetime.now(UTC)
        with self._locked(wait=False) as is_mine:
            if not is_mine:
                return None
            batches, moved = move_to_parts(
                self._journal, self._parts, micros(now - older_than)
            )
            dropped = drop_batches(self._journal, micros(now - keep))
            written, merged = merge_parts(self._journal, self._parts)
        return Compacted(batches, moved + written, merged, dropped)

    @contextmanager
    def parts_held(self) -> Iterator[None]:
        """No part comes or goes while the block lasts; live rows are taken all the same."""
        with self._locked():
            yield

    def window(self) -> Window:
        """The exposures' span, rounded out to whole hours.

        Raises:
            TooLittleData: the log holds no exposure.
        """
        first, last = look(self._journal, self._parts, _span)
        if first is None or last is None:
            raise TooLittleData(
                f"event log {self.root} holds no exposure; ingest some first"
            )
        return Window(_whole_hour(first), _whole_hour(last) + _HOUR)

    def read(self, window: Window) -> LogTables:
        """Exposures shown in the window, all else known by its end; see `LogTables.between`.

        Raises:
            IntegrityError: a part is truncated or changed; names the file.
        """
        start = window.start.astimezone(UTC).date()
        end = window.end.astimezone(UTC).date()

        def rows(view: LogView) -> LogTables:
            return LogTables(
                exposures=view.rows("exposures", lambda path: start <= day_of(path) <= end),
                feedback=view.rows("feedback", lambda path: day_of(path) <= end),
                items=view.rows("items", lambda path: day_of(path) <= end),
            )

        return look(self._journal, self._parts, rows).between(window)

    def surfaces(self) -> tuple[str, ...]:
        """The surfaces that exposures were shown on, sorted."""

        def names(view: LogView) -> set[str]:
            shown = [read_part(path, ["surface"]) for path in view.paths["exposures"]]
            shown.append(view.live.exposures)
            return {name for rows in shown for name in rows["surface"].unique()}

        return tuple(sorted(look(self._journal, self._parts, names)))

    def requests(self, before: datetime) -> pl.DataFrame:
        """`request_id` and `surface` of every request that was answered before a time."""
        columns = ["request_id", "surface", "ts"]
        last = before.astimezone(UTC).date()

        def answered(view: LogView) -> pl.DataFrame:
            paths = [path for path in view.paths["exposures"] if day_of(path) <= last]
            shown = [read_part(path, columns) for path in paths]
            shown.append(view.live.exposures.select(columns))
            earlier = [
                rows.filter(pl.col("ts") < pl.lit(before)).unique("request_id")
                for rows in shown
            ]
            return pl.concat([empty_frame("exposures").select(columns), *earlier])

        # A request that grew stands in several parts.
        return look(self._journal, self._parts, answered).drop("ts").unique("request_id")

    def _known(self, batch: LogTables) -> tuple[Known, int]:
        """What the log knows of a batch's rows, and the position up to which it does."""
        with self._turn, self._journal.reading() as reader:
            assert reader is not None  # noqa: S101 - whoever holds the lock has made the journal
            return self._lookup.known(reader, batch), reader.position()

    def _judge(
        self, batch: LogTables, stored: Known, at: datetime
    ) -> tuple[LogTables, Faults]:
        """The rows that are not in the log yet, and what is wrong with them."""
        unique = LogTables(batch.exposures, without_repeats(batch.feedback), batch.items)
        fresh, conflicts = {}, {}
        for table in TABLES:
            frame = getattr(unique, table)
            compared = compare_rows(table, frame, getattr(stored.rows, table))
            fresh[table] = frame.filter(~compared.same)
            conflicts[table] = compared.conflict.filter(~compared.same)
        tables = LogTables(**fresh)
        shown = [stored.rows.exposures, stored.shown]
        earlier = pl.concat([rows.select(REQUEST_COLUMNS) for rows in shown])
        faults = find_faults(tables, at, earlier=earlier)
        for table, conflict in conflicts.items():
            faults = faults.with_mask(table, f"{table}.conflict", conflict)
        return tables, faults

    def _write(self, tables: LogTables, position: int, at: datetime) -> bool:
        """Write the parts and announce them; False where live rows of the same keys came since."""
        planned = plan_parts(tables)
        if not planned:
            return True
        names = publish_pending(self._journal, self._parts, planned)
        with self._journal.writing() as writer:
            live = [unpack(batch)[0] for batch in writer.batches(position)]
            overtaken = any(_share_keys(tables, rows) for rows in live)
            if not overtaken:
                writer.add(micros(at), {}, names)
                writer.forget(names)
        if overtaken:
            withdraw(self._journal, self._parts, names)
        return not overtaken

    @contextmanager
    def _locked(self, *, wait: bool = True) -> Iterator[bool]:
        """One ingest or compaction at a time; the lock falls with its process, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            self._journal.make()
            sweep(self.root)
            recover(self._journal, self._parts)
            yield True


def _share_keys(log_tables: LogTables, other: LogTables) -> bool:
    return any(
        np.intersect1d(
            key_hashes(table, getattr(log_tables, table)),
            key_hashes(table, getattr(other, table)),
        ).size
        for table in TABLES
    )


def _span(view: LogView) -> tuple[datetime | None, datetime | None]:
    """When the first and the last exposure were shown."""
    days = [day_of(path) for path in view.paths["exposures"]]
    ends: set[date] = {min(days), max(days)} if days else set()
    shown = [
        read_part(path, ["ts"]) for path in view.paths["exposures"] if day_of(path) in ends
    ]
    times = pl.concat([view.live.exposures.select("ts"), *shown])["ts"]
    first, last = times.min(), times.max()
    assert first is None or isinstance(first, datetime)  # noqa: S101 - polars' wide return type
    assert last is None or isinstance(last, datetime)  # noqa: S101
    return first, last


def _whole_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
