"""The prediction log: what was shown to whom, with which scores; it never makes a request wait.

A request hands its prediction to a bounded queue; one thread appends batches to the process's
segment of the hour, another seals segments into Parquet and keeps the folder within its bounds. At
any moment `accepted = stored + dropped + in_queue`, exactly. Every prediction has a sequence number
in its process, dropped ones too, so a gap in the files shows what was lost.
"""

import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice.data.durations import parse_duration
from sluice.serving.prediction import Prediction
from sluice.serving.prediction_batch import batch_of
from sluice.serving.prediction_files import Shelf
from sluice.serving.prediction_segment import SEGMENT, Segment, Span, framed

_LOG = logging.getLogger(__name__)

_TIDY_SECONDS = 60.0
_SEGMENTS = 8
"""A segment is closed early when it holds this part of the cap, so that the cap can delete it."""


@dataclass(frozen=True)
class LogLimits:
    """What a prediction log may hold, in memory and on disk."""

    capacity: int = 10_000
    """Predictions that may wait; beyond it the newest is dropped and counted."""
    waiting_mb: float = 64.0
    """Memory that what waits may take, for requests of very many candidates."""
    batch: int = 200
    """Most predictions in one write: what a killed process can lose beyond its queue."""
    flush_seconds: float = 0.2
    """Between two looks of the writer at what waits."""
    max_mb: float = 2_000.0
    """Of the surface's folder, all processes together."""
    keep: str = "30d"
    """Sealed files of hours that ended longer ago are deleted."""


@dataclass(frozen=True)
class LogCounts:
    """Where all predictions ever handed over are, taken at one moment."""

    accepted: int
    stored: int
    dropped: int
    in_queue: int
    """Waiting, or in the writer's hands."""
    deleted_files: int = 0
    """Sealed files that this process deleted for the cap or for their age."""
    deleted_bytes: int = 0


def _now() -> datetime:
    return datetime.now(UTC)


class PredictionLog:
    """Predictions of one surface in `<folder>/<hour>-<process>-<number>.parquet`."""

    def __init__(
        self,
        folder: Path,
        limits: LogLimits = LogLimits(),
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Start the writer and the keeper; the folder is made with the first prediction.

        Args:
            folder: of the surface, `<predictions>/<surface>`.
            limits: of memory, disk and age.
            clock: now, with time zone: decides the hour of a segment and its age.

        Raises:
            ConfigError: `limits.keep` is no duration.
        """
        self.process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._folder, self._limits, self._clock = folder, limits, clock
        self._max_bytes = int(limits.max_mb * 1e6)
        self._max_waiting = int(limits.waiting_mb * 1e6)
        self._shelf = Shelf(folder, self._max_bytes, parse_duration(limits.keep), clock)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[tuple[int, Prediction]] = deque()
        self._accepted = self._stored = self._dropped = self._writing = self._weight = 0
        self._closing = False
        self._segment: Segment | None = None
        self._span: Span | None = None
        self._trouble = ""
        self._untidy = threading.Event()
        self._writer = threading.Thread(
            target=self._write_all, name="prediction-log", daemon=True
        )
        self._keeper = threading.Thread(
            target=self._keep, name="prediction-keeper", daemon=True
        )
        self._writer.start()
        self._keeper.start()

    def append(self, prediction: Prediction) -> bool:
        """Take a prediction without waiting; False where there was no room and it was dropped.

        The writer is not woken, it looks by itself: waking costs more than all the rest.
        """
        weight = prediction.weight
        with self._lock:
            self._accepted += 1
            waiting = len(self._queue)
            if (
                self._closing
                or waiting + self._writing >= self._limits.capacity
                or (waiting and self._weight + weight > self._max_waiting)
            ):
                self._dropped += 1
                return False
            self._queue.append((self._accepted, prediction))
            self._weight += weight
            return True

    def counts(self) -> LogCounts:
        with self._lock:
            deleted = self._shelf.deleted
            return LogCounts(
                accepted=self._accepted,
                stored=self._stored,
                dropped=self._dropped,
                in_queue=len(self._queue) + self._writing,
                deleted_files=deleted.files,
                deleted_bytes=deleted.size,
            )

    def close(self, timeout: float = 5.0) -> LogCounts:
        """Write what waits and seal it, for at most `timeout` seconds; say where everything is.

        What is not sealed by then is sealed by whoever logs this surface next.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._untidy.set()
        self._keeper.join(timeout)
        return self.counts()

    def _write_all(self) -> None:
        while (batch := self._take()) is not None:
            try:
                stored = not batch or self._write(batch)
            except OSError as error:
                self._note(f"cannot be written: {error}")
                stored = False
            except Exception as error:  # noqa: BLE001 - a dead writer would let all others wait for ever
                _LOG.error("prediction log: a batch cannot be written", exc_info=error)
                stored = False
            self._settle(len(batch), stored=stored)
        if self._segment:
            self._segment.close()

    def _take(self) -> list[tuple[int, Prediction]] | None:
        """The next batch, empty where nothing came for a while; None when all is written."""
        limits = self._limits
        with self._changed:
            if not self._closing and len(self._queue) < limits.batch:
                self._changed.wait_for(lambda: self._closing, limits.flush_seconds)
            if self._closing and not self._queue:
                return None
            batch: list[tuple[int, Prediction]] = []
            weight, most = 0, self._max_waiting // 16
            while self._queue and len(batch) < limits.batch and weight <= most:
                batch.append(self._queue.popleft())
                weight += batch[-1][1].weight
            self._weight -= weight
            self._writing = len(batch)
        self._leave_a_segment_that_is_over()
        return batch

    def _settle(self, count: int, *, stored: bool) -> None:
        with self._lock:
            self._stored += count if stored else 0
            self._dropped += 0 if stored else count
            self._writing = 0

    def _write(self, batch: list[tuple[int, Prediction]]) -> bool:
        """One write for the whole batch; False where the cap leaves no room for it."""
        sequences, predictions = zip(*batch, strict=True)
        content = framed(batch_of(sequences, predictions), self._accepted)
        if not self._shelf.room_for(len(content)):
            self._note("are not written: max_mb is reached by files that nobody may delete")
            return False
        if self._segment is None:
            self._segment = self._open()
        self._segment.append(content)
        if self._trouble:
            _LOG.warning("prediction log: predictions are written again")
            self._trouble = ""
        return True

    def _open(self) -> Segment:
        hour = self._clock().replace(minute=0, second=0, microsecond=0)
        number = self._span.number + 1 if self._span else 1
        span = Span(hour, self.process, number)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        segment = Segment(self._folder / f"{span.stem}{SEGMENT}")
        self._span = span
        return segment

    def _leave_a_segment_that_is_over(self) -> None:
        if self._segment is None or self._span is None or not self._segment.size:
            return
        hour = self._clock().replace(minute=0, second=0, microsecond=0)
        if hour != self._span.hour or self._segment.size * _SEGMENTS >= self._max_bytes:
            self._segment.close()
            self._segment = None
            self._untidy.set()

    def _keep(self) -> None:
        while True:
            closing = self._closing
            if closing:
                self._writer.join()
            try:
                self._shelf.tidy()
            except OSError:
                _LOG.exception("prediction log: its folder cannot be kept")
            if closing:
                return
            self._untidy.wait(_TIDY_SECONDS)
            self._untidy.clear()

    def _note(self, trouble: str) -> None:
        """Say it once, not five times a second for as long as a disk is full."""
        if trouble != self._trouble:
            _LOG.error("prediction log: predictions are dropped, they %s", trouble)
        self._trouble = trouble
