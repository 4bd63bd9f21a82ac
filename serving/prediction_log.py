"""The prediction log: what was shown to whom, with which scores; it never makes a request wait.

A request hands its prediction to a bounded queue; one thread writes batches to segment files of
JSON lines. At any moment `accepted = stored + dropped + in_queue`, exactly. Every prediction has a
sequence number in its process, dropped ones too, so a gap in the files shows what was lost.
"""

import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

_LOG = logging.getLogger(__name__)

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answered request; the lists have one entry for each candidate, from the top slot down."""

    request_id: str
    ts: int
    """µs since the epoch: the time the ranking was asked for."""
    user_id: str
    """Pseudonym of the person, as in the event log."""
    item_ids: tuple[str, ...]
    positions: tuple[int, ...]
    """1 the top."""
    scores: tuple[float, ...]
    propensities: tuple[float, ...]
    """Probability of this item in this slot under the serving policy; 1.0 for one without chance."""
    features_digest: str
    release: str


@dataclass(frozen=True)
class LogCounts:
    """Where all predictions ever handed over are, taken at one moment."""

    accepted: int
    stored: int
    dropped: int
    in_queue: int
    """Waiting, or in the writer's hands."""


class PredictionLog:
    """Appends predictions of one surface to `<folder>/<hour>-<process>.jsonl`."""

    def __init__(
        self,
        folder: Path,
        *,
        capacity: int = 10_000,
        batch: int = 500,
        flush_seconds: float = 0.2,
    ) -> None:
        """Start the writer; it makes the folder with the first prediction.

        Args:
            folder: of the surface, `<predictions>/<surface>`.
            capacity: predictions that may wait; beyond it the newest is dropped and counted.
            batch: most predictions in one write: what a killed process can lose beyond its queue.
            flush_seconds: how long the first of a batch waits for others.
        """
        self.process = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._folder = folder
        self._capacity, self._batch, self._flush_seconds = capacity, batch, flush_seconds
        self._changed = threading.Condition()
        self._queue: deque[tuple[int, Prediction]] = deque()
        self._accepted = self._stored = self._dropped = self._writing = 0
        self._closing = False
        self._writer = threading.Thread(
            target=self._run, name="prediction-log", daemon=True
        )
        self._writer.start()

    def append(self, prediction: Prediction) -> bool:
        """Take a prediction without waiting; False where the queue was full and it was dropped."""
        with self._changed:
            self._accepted += 1
            if self._closing or len(self._queue) + self._writing >= self._capacity:
                self._dropped += 1
                return False
            self._queue.append((self._accepted, prediction))
            if len(self._queue) == 1:
                self._changed.notify()
            return True

    def counts(self) -> LogCounts:
        with self._changed:
            waiting = len(self._queue) + self._writing
            return LogCounts(self._accepted, self._stored, self._dropped, waiting)

    def close(self, timeout: float = 5.0) -> LogCounts:
        """Write what waits, for at most `timeout` seconds, and say where everything is."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join(timeout)
        return self.counts()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._write(batch)
            except OSError:
                _LOG.exception(
                    "prediction log: %d predictions cannot be written, dropped", len(batch)
                )
                self._settle(stored=0, dropped=len(batch))
            else:
                self._settle(stored=len(batch), dropped=0)

    def _take(self) -> list[tuple[int, Prediction]]:
        """The next batch; empty only when the log is closing and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if not self._closing and len(self._queue) < self._batch:
                self._changed.wait_for(lambda: self._closing, self._flush_seconds)
            taken = [
                self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))
            ]
            self._writing = len(taken)
            return taken

    def _settle(self, stored: int, dropped: int) -> None:
        with self._changed:
            self._stored += stored
            self._dropped += dropped
            self._writing = 0

    def _write(self, batch: Sequence[tuple[int, Prediction]]) -> None:
        """One write for the whole batch: a killed process tears at most its last line."""
        lines = b"".join(
            orjson.dumps(
                {"process": self.process, "sequence": sequence, "prediction": prediction},
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for sequence, prediction in batch
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        _append(segment_path(self._folder, self.process, datetime.now(UTC)), lines)


def segment_path(folder: Path, process: str, at: datetime) -> Path:
    """The file that one process appends to within one hour."""
    return folder / f"{at:%Y%m%dT%H}-{process}{SUFFIX}"


def _append(path: Path, lines: bytes) -> None:
    """Append all lines or none.

    Raises:
        OSError: there was no room for all; what was written of them is taken back.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        before = os.fstat(handle).st_size
        if (written := os.write(handle, lines)) != len(lines):
            os.ftruncate(handle, before)
            raise OSError(f"{path.name}: {written} of {len(lines)} bytes written")
    finally:
        os.close(handle)
