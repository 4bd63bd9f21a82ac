"""A surface's feed, read into the event log by one of the service's workers.

The rows of a read and its offset are one transaction of the log, so a worker that is killed anywhere
leaves neither rows that are read again nor messages that are not. Which worker reads is decided by a
lock on a file that falls with its process.
"""

import fcntl
import logging
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import polars as pl

from sluice.data.event_log import EventLog
from sluice.data.feeds import EventSource, FeedGap, Messages
from sluice.data.frames import empty_frame
from sluice.data.schema import TABLES
from sluice.errors import SluiceError
from sluice.serving.events_body import MAX_JSON_BYTES, parse_events
from sluice.serving.port import EventRows, Intake
from sluice.serving.problem import Code, Rejected
from sluice.serving.telemetry import Telemetry
from sluice.serving.times import now_micros

_LOG = logging.getLogger(__name__)
_NOT_NOW = (OSError, sqlite3.Error, Rejected)
"""What ends by itself: a full disk, a busy journal, no release in service yet."""

Offset = tuple[str, str]
"""A feed's name, and how far it is read."""
Take = Callable[[EventRows, Offset | None], Intake]
"""Takes rows, and the offset in one transaction with them."""
Decode = Callable[[bytes, int], EventRows]


@dataclass(frozen=True)
class FeedPace:
    """How long a reader waits, in seconds."""

    wait: float = 1.0
    """For messages in one read."""
    first: float = 0.2
    """After the first failure; twice as long after each further one."""
    longest: float = 30.0
    takeover: float = 1.0
    """Between two looks whether the worker that reads is gone."""


@dataclass(frozen=True)
class Feed:
    """Whose feed is read, and how."""

    surface: str
    name: str
    """Under which the log keeps the offset."""
    open: Callable[[], EventSource]
    go_on_after_gap: bool = False
    """Whether messages that are gone unread are counted and left, or stop the reader."""


class Feeding:
    """A thread that reads one feed as long as no other worker does."""

    def __init__(
        self,
        log: EventLog,
        feed: Feed,
        take: Take,
        telemetry: Telemetry,
        *,
        decode: Decode = parse_events,
        pace: FeedPace | None = None,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            log: keeps the offset and the lock.
            feed: what is read.
            take: gets the rows of each read.
            telemetry: counts.
            decode: reads a message, with the time now in µs.
            pace: how long it waits.
        """
        self._log, self._feed, self._take = log, feed, take
        self._telemetry, self._decode = telemetry, decode
        self._pace = pace or FeedPace()
        self._failures = 0
        """In a row."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeding", daemon=True)

    def start(self) -> None:
        """Begin to read, or to wait for the worker that does."""
        self._thread.start()

    def stop(self) -> None:
        """Read no further; what was read is taken first."""
        self._closing.set()
        self._thread.join(timeout=30.0)
        if self._thread.is_alive():
            _LOG.warning("the feed of %s is still being read", self._feed.surface)

    def read_once(self, source: EventSource) -> int:
        """Read from where the log stands and take it; returns how many messages there were.

        Raises:
            FeedGap: messages that were never read are gone.
            SourceAway: the source cannot be read now.
            Rejected: no release is in service yet; nothing was taken.
            OSError: the log cannot be written; nothing was taken.
        """
        after = self._log.offset(self._feed.name)
        messages = self._read(source, after)
        if messages.offset != after:
            self._into_log(messages)
        self._telemetry.feed_source_messages += len(messages.bodies)
        return len(messages.bodies)

    def _read(self, source: EventSource, after: str | None) -> Messages:
        try:
            return source.read(after, self._pace.wait)
        except FeedGap as error:
            self._telemetry.feed_source_gaps += 1
            if not self._feed.go_on_after_gap:
                raise
            _LOG.error("goes on after a gap, as declared: %s", error)
            return source.read(None, self._pace.wait)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._turn() as is_mine:
                    if is_mine:
                        self._keep_reading()
            except OSError:
                _LOG.exception("the lock of the feed cannot be taken")
                self._telemetry.feed_source_errors += 1
            self._closing.wait(self._pace.takeover)

    def _keep_reading(self) -> None:
        _LOG.info("this worker reads the feed of %s", self._feed.surface)
        while not self._closing.is_set():
            try:
                self._read_on()
            except Exception as error:  # noqa: BLE001 - whatever it was, who reads must go on
                self._failed(error)

    def _read_on(self) -> None:
        source = self._feed.open()
        try:
            while not self._closing.is_set():
                self.read_once(source)
                if self._failures:
                    _LOG.warning("the feed of %s is read again", self._feed.surface)
                self._failures = 0
        finally:
            with suppress(Exception):  # it is let go of either way
                source.close()

    def _failed(self, error: Exception) -> None:
        """Count it, say it, and wait before the next attempt."""
        self._telemetry.feed_source_errors += 1
        # The first failure of several is said, a gap each time.
        if isinstance(error, FeedGap) or not self._failures:
            is_plain = isinstance(error, SluiceError | OSError | sqlite3.Error)
            why = str(error) if is_plain else type(error).__name__
            _LOG.error("the feed of %s is not read: %s", self._feed.surface, why)
        pause = min(self._pace.first * 2 ** min(self._failures, 20), self._pace.longest)
        self._failures += 1
        # Some chance, so that services that lost one server do not come back as one.
        self._closing.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _into_log(self, messages: Messages) -> None:
        """Take all messages at once; where that breaks down, each by itself, so that none blocks the rest."""
        offset = (self._feed.name, messages.offset)
        refused: Counter[str] = Counter()
        rows = self._decoded(messages.bodies, refused)
        try:
            self._take_rows(rows, offset, refused)
        except _NOT_NOW:
            raise
        except Exception:  # noqa: BLE001 - a message that nobody can take must not stop those behind it
            _LOG.error("messages of the feed break the intake; each is tried by itself")
            self._one_by_one(rows, offset, refused)
        if refused:
            self._telemetry.feed_source_refused.update(refused)
            _LOG.warning("messages or rows of the feed are refused: %s", dict(refused))

    def _one_by_one(
        self, rows: Sequence[EventRows], offset: Offset, refused: Counter[str]
    ) -> None:
        for row in rows:
            try:
                self._take_rows([row], None, refused)
            except _NOT_NOW:
                raise
            except Exception:  # noqa: BLE001 - counted; the text may hold what was sent
                refused[Code.BROKEN] += 1
        self._take_rows([], offset, refused)

    def _take_rows(
        self, rows: Sequence[EventRows], offset: Offset | None, refused: Counter[str]
    ) -> None:
        intake = self._take(_together(rows), offset)
        refused.update(row.code for row in intake.refused)

    def _decoded(
        self, bodies: Sequence[bytes], refused: Counter[str]
    ) -> Sequence[EventRows]:
        decoded: list[EventRows] = []
        for body in bodies:
            if len(body) > MAX_JSON_BYTES:
                refused[Code.TOO_LARGE] += 1
                continue
            try:
                rows = self._decode(body, now_micros())
            except Rejected as error:
                refused[error.code] += 1
                continue
            except Exception:  # noqa: BLE001 - as above
                refused[Code.BROKEN] += 1
                continue
            refused.update(row.code for row in rows.refused)
            decoded.append(rows)
        return decoded

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """The feed's lock; it falls with its process, however that ends."""
        self._log.root.mkdir(parents=True, exist_ok=True)
        with (self._log.root / f".feed-{self._feed.surface}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def _together(rows: Sequence[EventRows]) -> EventRows:
    """The rows of several messages as of one."""
    tables = {}
    for table in TABLES:
        frames = [row.tables[table] for row in rows if row.tables[table].height]
        tables[table] = pl.concat(frames, how="diagonal") if frames else empty_frame(table)
    numbers = {table: range(frame.height) for table, frame in tables.items()}
    return EventRows(tables, numbers, ())
