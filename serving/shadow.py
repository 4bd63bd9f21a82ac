"""A shadow: another release scores what was just answered, where nobody waits for it.

A request is handed to a bounded queue after its answer; where that is full it is dropped and counted.
One thread passes it to a process of the shadow's own, which scores it: in this process it would take
turns with the answers at Python's one lock, and an answer would wait for as long as it is held.
"""

import logging
import os
import subprocess
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sluice.environment import allowed
from sluice.features.state.feature_state import Request
from sluice.mechanisms.live import Revenue
from sluice.serving.shadow_files import ShadowCounts, read_counts, write_counts
from sluice.serving.shadow_job import Frame, Job, encoded

_LOG = logging.getLogger(__name__)

Command = Callable[[str], Sequence[str]]
"""What starts a shadow's process, given the name under which it writes."""


class Shadow:
    """Compares one release with whatever answers."""

    def __init__(
        self,
        command: Command,
        folder: Path,
        *,
        capacity: int = 256,
        retry_seconds: float = 30.0,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            command: see `shadow_process.shadow_command`.
            folder: of its rows and counts, see `shadow_files.shadow_folder`.
            capacity: requests that may wait; beyond it the newest is dropped.
            retry_seconds: after which a process that died is started again.
        """
        self._command, self._folder = command, folder
        self._capacity, self._retry_seconds = capacity, retry_seconds
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._offered = self._dropped = 0
        self._ended = ShadowCounts()
        """Of the processes that are gone; the counts above are since then."""
        self._closing = False
        self._name = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Start the shadow's process, and pass requests to it from now on."""
        self._thread.start()

    def offer(
        self,
        request: Request,
        order: NDArray[np.int64],
        request_id: str,
        answered_by: str,
        revenue: Revenue | None = None,
    ) -> bool:
        """Take a request that was answered, without waiting; False where it was dropped.

        Args:
            request: as it was scored, with its time.
            order: [shown]; rows from the top slot down, as answered.
            request_id: of the answer.
            answered_by: digest of the release that answered.
            revenue: of its ads.
        """
        job = Job(request, revenue, order, request_id, answered_by)
        with self._changed:
            self._offered += 1
            if self._closing or len(self._queue) >= self._capacity:
                self._dropped += 1
                return False
            self._queue.append(job)
            if len(self._queue) == 1:
                self._changed.notify()
            return True

    def counts(self) -> ShadowCounts:
        """Where all offers are; what its process has done is known when it has written it."""
        with self._changed:
            name, offered, dropped = self._name, self._offered, self._dropped
            ended = self._ended
        done = read_counts(self._folder, name) if name else ShadowCounts()
        # Of drops its process knows those that it was told of, and its own beside them.
        lost = max(done.dropped, dropped)
        return ended + ShadowCounts(offered, done.stored, lost, done.failed)

    def close(self, timeout: float = 10.0) -> ShadowCounts:
        """Drop what waits and let the process write what it has, for at most `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._dropped += len(self._queue)
            self._queue.clear()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._thread.is_alive() and self._child:
            self._child.kill()  # it hangs, and the thread at its pipe with it
            self._thread.join(timeout)
        return self.counts()

    def _run(self) -> None:
        while not self._closing:
            if self._child is None:
                self._begin()
            if (job := self._next()) is not None:
                self._pass_on(job)
            if self._child and self._child.poll() is not None:
                _LOG.error("shadow: its process ended with code %d", self._end())
                self._wait()
        if self._child:
            self._pass_on(None)
            self._end()

    def _begin(self) -> None:
        self._name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            self._child = subprocess.Popen(
                self._command(self._name),
                env=allowed(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            _LOG.error("shadow: its process does not start: %s", error)
            self._wait()

    def _next(self) -> Job | None:
        """The oldest request, or None after a second without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing, 1.0)
            return self._queue.popleft() if self._queue else None

    def _pass_on(self, job: Job | None) -> None:
        with self._changed:
            frame = Frame(self._offered, self._dropped, job)
        # What a process that is gone did not take is settled when it is buried.
        with suppress(BrokenPipeError):
            if self._child and self._child.stdin:
                self._child.stdin.write(encoded(frame))
                self._child.stdin.flush()

    def _end(self) -> int:
        """Close the pipe, wait, and settle what was in hand; returns the process's exit code."""
        assert self._child is not None  # noqa: S101 - only who has started one ends it
        child = self._child
        with suppress(BrokenPipeError):
            if child.stdin:
                child.stdin.close()
        code = child.wait()
        with self._changed:
            self._child = None
            name, waiting = self._name, len(self._queue)
            done = read_counts(self._folder, name)
            dropped = max(done.dropped, self._dropped)
            whole = replace(done, offered=self._offered - waiting, dropped=dropped)
            settled = replace(whole, failed=whole.failed + whole.waiting)
            self._ended, self._name = self._ended + settled, ""
            self._offered, self._dropped = waiting, 0
        write_counts(self._folder, name, settled)
        return code

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, self._retry_seconds)
