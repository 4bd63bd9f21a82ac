"""The work of a shadow's process: score what was answered anew, and keep the difference."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from sluice.errors import SluiceError, StaleState
from sluice.features.state.feature_state import Request
from sluice.serving.release import LoadedRelease
from sluice.serving.shadow_difference import difference
from sluice.serving.shadow_files import ShadowCounts, ShadowFiles, ShadowRow
from sluice.serving.shadow_job import Frame, Job

_LOG = logging.getLogger(__name__)

_MOST_BEHIND = 60_000_000
"""µs that a request may lie behind the shadow's state, as behind a server's."""
_MOST_UNWRITTEN = 20_000
"""Rows that are kept where the disk takes none."""


class Live(Protocol):
    """A release with its feature state, kept up with the log."""

    @property
    def release(self) -> LoadedRelease: ...

    def catch_up(self) -> None:
        """Bring the state from its snapshot to now."""
        ...

    def refresh(self) -> object:
        """Take in what the log has got since."""
        ...


class ShadowScoring:
    """Scores jobs one after the other with a release of its own."""

    def __init__(
        self,
        open_live: Callable[[], Live],
        files: ShadowFiles,
        *,
        write_seconds: float = 30.0,
        retry_seconds: float = 30.0,
    ) -> None:
        """Nothing is opened before `run`.

        Args:
            open_live: opens the release; again where its state can no longer be kept up.
            files: that get the rows.
            write_seconds: between two writes; a killed process loses so much.
            retry_seconds: between two attempts to open the release.
        """
        self._open_live, self._files = open_live, files
        self._write_seconds, self._retry_seconds = write_seconds, retry_seconds
        self._live: Live | None = None
        self._heard = Frame(0, 0, None)
        self._stored = self._dropped = self._failed = self._unwritten = 0
        self._retry_at = self._write_at = 0.0
        self._trouble = ""

    @property
    def counts(self) -> ShadowCounts:
        return ShadowCounts(
            self._heard.offered,
            self._stored,
            self._heard.dropped + self._dropped,
            self._failed,
        )

    def run(self, frames: Iterable[Frame | None]) -> None:
        """Work until there are no more frames; None is a moment without a job."""
        self._keep_up()
        for frame in frames:
            self._keep_up()
            self._heard = frame or self._heard
            if frame and frame.job:
                self._compare(frame.job)
            if time.monotonic() >= self._write_at:
                self._write()
        self._write()

    def _keep_up(self) -> None:
        if self._live is None and time.monotonic() < self._retry_at:
            return
        try:
            if self._live is None:
                live = self._open_live()
                live.catch_up()
                self._live = live
                _LOG.info("shadow: release %s scores", live.release.digest)
            self._live.refresh()
        except (SluiceError, OSError) as error:
            _LOG.error("shadow: its release cannot be kept up with the log: %s", error)
            self._live = None
            self._retry_at = time.monotonic() + self._retry_seconds

    def _compare(self, job: Job) -> None:
        row = self._scored(job)
        if row is None:
            self._failed += 1
        elif self._unwritten >= _MOST_UNWRITTEN:
            self._dropped += 1
        else:
            self._files.add(row)
            self._unwritten += 1

    def _scored(self, job: Job) -> ShadowRow | None:
        """None where the shadow cannot score it, which the log says once for each kind of trouble."""
        if self._live is None or not job.request.item_ids:
            return None
        scorer = self._live.release.scorer
        try:
            request = _after(job.request, scorer.state.clock)
            ranking = scorer.rank(request, job.revenue)
        except SluiceError as error:
            if self._trouble != str(error):
                _LOG.warning("shadow: a request cannot be scored: %s", error)
            self._trouble = str(error)
            return None
        apart = difference(request, job.order, ranking.order, scorer.state)
        size = len(request.item_ids)
        return ShadowRow(job.request_id, request.ts, job.answered_by, size, apart)

    def _write(self) -> None:
        self._write_at = time.monotonic() + self._write_seconds
        self._stored += self._unwritten
        try:
            self._files.write(self.counts, datetime.now(UTC))
        except OSError as error:
            _LOG.error("shadow: rows cannot be written: %s", error)
            self._stored -= self._unwritten
        else:
            self._unwritten = 0


def _after(request: Request, clock: int) -> Request:
    """The request at a moment that the state has not passed.

    Raises:
        StaleState: it lies too far behind to be asked anew.
    """
    if request.ts > clock:
        return request
    if clock - request.ts > _MOST_BEHIND:
        raise StaleState("a request lies more than a minute behind the shadow's state")
    return replace(request, ts=clock + 1)
