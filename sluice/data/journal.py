"""The journal: what the event log accepted, in order, as one SQLite file beside the parts.

A live batch holds its rows inline until compaction has written them to parts; a bulk ingest's batch
names the parts that it wrote. A part is *pending* from before its first byte until the transaction
that makes its rows visible, and *gone* from the transaction that replaced it until it is deleted;
readers leave out both. Parts that the journal does not mention are there like any other.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sluice.data.atomic import sync_folder
from sluice.data.batch import Superseded

FILE = "journal.db"
_BUSY_SECONDS = 60.0
_FORMAT = 1
_SCHEMA = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    """CREATE TABLE batch (
        position INTEGER PRIMARY KEY AUTOINCREMENT, accepted_at INTEGER NOT NULL,
        exposures BLOB, feedback BLOB, items BLOB, parts TEXT NOT NULL) STRICT""",
    """CREATE TABLE part (
        name TEXT PRIMARY KEY, state TEXT NOT NULL, position INTEGER NOT NULL) STRICT""",
    "CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    "CREATE TABLE feed (source TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "INSERT INTO mark VALUES ('compacted', 0), ('floor', 0), ('generation', 0)",
    f"PRAGMA user_version = {_FORMAT}",
    "COMMIT",
)
_BATCH = "SELECT position, accepted_at, exposures, feedback, items, parts FROM batch"


class PartState(StrEnum):
    """What the journal says of a part."""

    PENDING = "pending"
    """Being written: its rows are not, or not only, here yet."""
    LIVE = "live"
    """Of rows taken live; its position orders it after others."""
    GONE = "gone"
    """Its rows stand in another part; about to be deleted."""


@dataclass(frozen=True)
class StoredBatch:
    """One batch as the journal holds it."""

    position: int
    accepted_at: int
    """µs since 1970."""
    rows: dict[str, bytes]
    """Table -> its rows, see `sluice.data.packed`; tables without a row are left out."""
    parts: tuple[str, ...]
    """Paths below the log's root; empty for a live batch."""


@dataclass(frozen=True)
class Cut:
    """What the journal says at one moment."""

    position: int = 0
    """Of the last batch."""
    generation: int = 0
    """Grows with every change of a part's state."""
    compacted: int = 0
    """Rows of live batches up to this position stand in parts."""
    floor: int = 0
    """Batches up to this position are no longer kept singly."""
    hidden: frozenset[str] = frozenset()
    """Parts that are no part of the log: pending or gone."""
    order: dict[str, int] | None = None
    """Part -> the position up to which it holds live rows; those of bulk ingests are left out."""


class Journal:
    """The journal of the log under a root; made by the first write.

    Each thread has a connection of its own, and a forked child opens its own as well.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / FILE
        self._local = threading.local()

    def make(self) -> None:
        """Make the file where there is none."""
        self._connection()

    def position(self) -> int:
        """Of the last batch; 0 where there was none."""
        connection = self._reading()
        return _position(connection) if connection else 0

    def cut(self) -> Cut:
        """The parts' states and the marks, of one moment."""
        with self.reading() as reader:
            return reader.cut() if reader else Cut()

    def generation(self) -> int:
        connection = self._reading()
        return _mark(connection, "generation") if connection else 0

    def batches(self, after: int, limit: int) -> tuple[StoredBatch, ...]:
        """The next batches after a position.

        Raises:
            Superseded: some of them are no longer kept singly.
        """
        with self.reading() as reader:
            if reader is None:
                return ()
            if after < reader.cut().floor:
                raise Superseded(
                    f"Cannot follow the event log from batch {after} because batches up to "
                    f"{reader.cut().floor} are no longer kept singly; start anew with all rows "
                    "since the release's snapshot"
                )
            return reader.batches(after, limit)

    def offset(self, source: str) -> str | None:
        """How far a feed was read."""
        connection = self._reading()
        query = "SELECT value FROM feed WHERE source = ?"
        row = connection.execute(query, (source,)).fetchone() if connection else None
        return row[0] if row else None

    @contextmanager
    def reading(self) -> "Iterator[JournalReader | None]":
        """One moment of the journal, however long it takes to read; None without a journal."""
        connection = self._reading()
        if connection is None:
            yield None
            return
        connection.execute("BEGIN")
        try:
            yield JournalReader(connection)
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> "Iterator[JournalWriter]":
        """One writer at a time; durable when the block ends, undone when it raises."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield JournalWriter(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def give_back_space(self) -> None:
        """Return what deleted batches took to the file system."""
        # One page a step, and `execute` makes one step only.
        self._connection().executescript("PRAGMA incremental_vacuum")

    def _reading(self) -> sqlite3.Connection | None:
        if getattr(self._local, "process", None) == os.getpid():
            return self._local.connection
        return self._connection() if self._path.exists() else None

    def _connection(self) -> sqlite3.Connection:
        if getattr(self._local, "process", None) == os.getpid():
            return self._local.connection
        if inherited := getattr(self._local, "connection", None):
            # Closing what the parent has open would drop files that the parent still writes.
            _INHERITED.append(inherited)
        self._root.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        if not _is_made(connection):
            self._make(connection)
        connection.execute("PRAGMA synchronous = FULL")
        self._local.connection, self._local.process = connection, os.getpid()
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        with (self._root / ".journal.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_made(connection):
                for statement in _SCHEMA:
                    connection.execute(statement)
                sync_folder(self._root)


_INHERITED: list[sqlite3.Connection] = []


class JournalReader:
    """What stands in the journal at one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def cut(self) -> Cut:
        marks = dict(self._connection.execute("SELECT name, value FROM mark"))
        parts = self._connection.execute(
            "SELECT name, state, position FROM part"
        ).fetchall()
        return Cut(
            position=_position(self._connection),
            generation=marks["generation"],
            compacted=marks["compacted"],
            floor=marks["floor"],
            hidden=frozenset(name for name, state, _ in parts if state != PartState.LIVE),
            order={name: at for name, state, at in parts if state == PartState.LIVE},
        )

    def generation(self) -> int:
        return _mark(self._connection, "generation")

    def position(self) -> int:
        return _position(self._connection)

    def compacted(self) -> int:
        return _mark(self._connection, "compacted")

    def batches(self, after: int, limit: int = -1) -> tuple[StoredBatch, ...]:
        rows = self._connection.execute(
            f"{_BATCH} WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
        )
        return tuple(_stored(row) for row in rows)

    def named_parts(self) -> frozenset[str]:
        """Parts that a batch names which is still kept."""
        rows = self._connection.execute("SELECT parts FROM batch WHERE parts != ''")
        return frozenset(name for (names,) in rows for name in names.split("\n"))

    def parts(self, state: PartState) -> tuple[str, ...]:
        rows = self._connection.execute("SELECT name FROM part WHERE state = ?", (state,))
        return tuple(name for (name,) in rows)

    def last_before(self, moment: int) -> int:
        """Position up to which every batch was accepted before a time (µs); 0 for none."""
        younger = self._connection.execute(
            "SELECT min(position) FROM batch WHERE accepted_at >= ?", (moment,)
        ).fetchone()[0]
        return _position(self._connection) if younger is None else younger - 1


class JournalWriter(JournalReader):
    """The one transaction that may change the journal."""

    def add(
        self, accepted_at: int, rows: dict[str, bytes], parts: Iterable[str] = ()
    ) -> int:
        """Add a batch; returns its position."""
        cursor = self._connection.execute(
            "INSERT INTO batch (accepted_at, exposures, feedback, items, parts) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                accepted_at,
                *map(rows.get, ("exposures", "feedback", "items")),
                "\n".join(parts),
            ),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def set_state(self, names: Iterable[str], state: PartState, position: int = 0) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO part VALUES (?, ?, ?)",
            [(name, state, position) for name in names],
        )
        self._changed()

    def forget(self, names: Iterable[str]) -> None:
        """Say nothing more of these parts: they are there like any other, or deleted."""
        self._connection.executemany(
            "DELETE FROM part WHERE name = ?", [(name,) for name in names]
        )
        self._changed()

    def mark_compacted(self, position: int) -> None:
        self._connection.execute(
            "UPDATE mark SET value = ? WHERE name = 'compacted'", (position,)
        )
        self._changed()

    def drop_through(self, position: int) -> int:
        """Delete the batches up to a position, their rows stand in parts; returns how many."""
        self._connection.execute(
            "UPDATE mark SET value = max(value, ?) WHERE name = 'floor'", (position,)
        )
        query = "DELETE FROM batch WHERE position <= ?"
        return self._connection.execute(query, (position,)).rowcount

    def set_offset(self, source: str, value: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO feed VALUES (?, ?)", (source, value)
        )

    def _changed(self) -> None:
        self._connection.execute(
            "UPDATE mark SET value = value + 1 WHERE name = 'generation'"
        )


def _is_made(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA user_version").fetchone()[0] == _FORMAT


def _position(connection: sqlite3.Connection) -> int:
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'batch'"
    row = connection.execute(query).fetchone()
    return row[0] if row else 0


def _mark(connection: sqlite3.Connection, name: str) -> int:
    query = "SELECT value FROM mark WHERE name = ?"
    return connection.execute(query, (name,)).fetchone()[0]


def _stored(row: tuple) -> StoredBatch:
    position, accepted_at, *blobs, parts = row
    names = ("exposures", "feedback", "items")
    rows = {name: blob for name, blob in zip(names, blobs, strict=True) if blob is not None}
    return StoredBatch(
        position, accepted_at, rows, tuple(parts.split("\n")) if parts else ()
    )
