"""What was answered lately, by request id: by this process, by its neighbours, and before a restart.

An id may have been answered more than once: a client that heard nothing asks again. Every answer
is remembered, and the confirmation decides which one was shown; nothing is ever refused because an
id came twice.
"""

import threading
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from time import monotonic

from sluice.serving.prediction import Prediction
from sluice.serving.served_index import ServedIndex
from sluice.serving.served_request import ServedRequest

_REFRESH_SECONDS = 0.2
"""Between two looks at what neighbours wrote, while everything asked for is in memory."""


class ServedRequests:
    """Answers of one surface; memory is bounded, the files are those of the prediction log."""

    def __init__(
        self,
        folder: Path,
        surface: str,
        process: str,
        *,
        hours: int = 24,
        answers: int = 10_000,
        memory_mb: float = 64.0,
    ) -> None:
        """Nothing is read before the first `lookup` or `refresh`.

        Args:
            folder: of the surface's prediction log.
            surface: its name.
            process: of this process's log (`PredictionLog.process`).
            hours: of neighbours' and earlier processes' files that are looked into.
            answers: of this process that are held in memory, the newest.
            memory_mb: what they may take.
        """
        self._surface, self._process = surface, process
        self._answers, self._most = answers, int(memory_mb * 1e6)
        self._recent: deque[Prediction] = deque()
        self._weight = 0
        self._by_id: dict[str, deque[Prediction]] = {}
        self._lock = threading.Lock()
        self._index = ServedIndex(folder, timedelta(hours=hours))
        self._reading = threading.Lock()
        self._refreshed = -_REFRESH_SECONDS

    def remember(self, prediction: Prediction) -> None:
        """Hold an answer that this process just gave; the oldest make room."""
        with self._lock:
            self._recent.append(prediction)
            self._weight += prediction.weight
            self._by_id.setdefault(prediction.request_id, deque()).append(prediction)
            while len(self._recent) > 1 and (
                len(self._recent) > self._answers or self._weight > self._most
            ):
                self._forget(self._recent.popleft())

    def refresh(self) -> None:
        """Read what neighbours and earlier processes wrote since the last time."""
        with self._reading:
            self._index.refresh()
            self._refreshed = monotonic()

    def lookup(self, request_ids: Iterable[str]) -> dict[str, tuple[ServedRequest, ...]]:
        """Answers under each id, newest first; ids that were not answered here are left out.

        What a neighbour answered is seen when its log has written it: after `flush_seconds`.
        """
        wanted = set(request_ids)
        with self._lock:
            ours = {
                name: list(reversed(self._by_id[name]))
                for name in wanted & self._by_id.keys()
            }
        stale = monotonic() - self._refreshed >= _REFRESH_SECONDS
        if stale or len(ours) < len(wanted):
            self.refresh()
        with self._reading:
            # Whatever of this process's files is in memory too needs no reading.
            written = self._index.find(wanted - ours.keys(), None)
            written |= self._index.find(set(ours), self._process)
        answers = {
            name: sorted(
                [*ours.get(name, ()), *written.get(name, ())],
                key=lambda request: -request.ts,
            )
            for name in wanted
            if name in ours or name in written
        }
        return {
            name: tuple(ServedRequest.of(prediction, self._surface) for prediction in those)
            for name, those in answers.items()
        }

    def _forget(self, prediction: Prediction) -> None:
        self._weight -= prediction.weight
        under = self._by_id[prediction.request_id]
        under.popleft()
        if not under:
            del self._by_id[prediction.request_id]
