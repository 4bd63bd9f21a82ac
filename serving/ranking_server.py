"""What stands behind the routes: answers from the release in service, events, and what is logged of both."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from sluice.data.batch import Superseded
from sluice.data.event_log import EventLog
from sluice.errors import IntegrityError, SluiceError
from sluice.features.state.feature_state import Request
from sluice.serving.answering import Asked, answer, degradation, state_age
from sluice.serving.arms import Arm, Arms
from sluice.serving.following import Following, Pace, Serving, Verification
from sluice.serving.intake import NEIGHBOUR_SECONDS, EventIntake
from sluice.serving.port import Answer, EventRows, Intake, Readiness, Status
from sluice.serving.prediction import CHAMPION, Prediction
from sluice.serving.prediction_log import LogCounts, LogLimits, PredictionLog
from sluice.serving.problem import Code, Rejected
from sluice.serving.request import RankRequest
from sluice.serving.served_requests import ServedRequests
from sluice.serving.shadow import Shadow
from sluice.serving.source import Source
from sluice.serving.telemetry import Telemetry
from sluice.serving_spec import ServingSpec

_LOG = logging.getLogger(__name__)

NO_LOG = LogCounts(accepted=0, stored=0, dropped=0, in_queue=0)


class Beside(Protocol):
    """Work beside the rankings: the reading of a feed, housekeeping."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class RankingServer:
    """Answers from one verified release at a time; a request sees the old one or the new one whole.

    A lock keeps answers and the taking in of events apart, for a state is not thread-safe: an answer
    takes less than a millisecond. Verifying a release and bringing it to now happen beside it.
    """

    def __init__(  # noqa: PLR0913 - three to be named, the rest has defaults
        self,
        source: Source,
        predictions: Path,
        clock: Callable[[], int],
        *,
        events: EventLog | None = None,
        workers: int = 1,
        declared: ServingSpec | None = None,
        canary: Source | None = None,
        shadow: Shadow | None = None,
        verification: Verification | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            source: names the release to serve.
            predictions: folder that gets one folder for each surface.
            clock: now, in µs since the epoch.
            events: what the state is kept up with, and what gets the events of POST /events; without it
                the state stays at its snapshot.
            workers: processes that answer for the surface.
            declared: what the surface declares of its service.
            canary: names the release that serves a share of the people, where one does.
            shadow: scores what was answered with another release, off the way of the answers.
            verification: what a release must stand before it is loaded.
            pace: how often it looks.
        """
        self.telemetry = Telemetry()
        self.pace = pace or Pace()
        champion, beside = (
            Following(
                release, events, self.telemetry,
                verification=verification or Verification(), pace=self.pace,
            ) if release else None
            for release in (source, canary)
        )  # fmt: skip
        assert champion  # noqa: S101 - a source is always given
        self.arms, self.shadow = Arms(champion, beside), shadow
        self._predictions, self._clock = predictions, clock
        self._events, self._workers = events, workers
        self._declared = declared or ServingSpec()
        self._entered, self._opening = threading.Lock(), threading.Lock()
        self._log: PredictionLog | None = None
        self._intake: EventIntake | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._beside: list[Beside] = []

    @property
    def serving(self) -> Serving | None:
        """The release in service, where one is."""
        return self.arms.champion.serving

    @property
    def refusal(self) -> str:
        """Why the newest release named is not in service; empty where it is, or is being verified."""
        return self.arms.champion.refusal

    def run_beside(self, work: Beside) -> None:
        """Have work in a thread of its own started and stopped with this server."""
        self._beside.append(work)

    def start(self) -> None:
        """Begin to look for a release and for events, in the running event loop."""
        works = [*self.arms.watches(), self._follow_feed]
        self._tasks = [asyncio.ensure_future(work()) for work in works]
        if self.shadow:
            self.shadow.start()
        for work in self._beside:
            work.start()

    async def look(self) -> None:
        """Look for a release once."""
        await self.arms.champion.look()

    async def stop(self) -> None:
        """Stop looking, and write what the prediction log holds."""
        await asyncio.gather(*(asyncio.to_thread(work.stop) for work in self._beside))
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for part in (self._intake, self.shadow):
            if part:
                await asyncio.to_thread(part.close)
        if self._log:
            await asyncio.to_thread(self._log.close)

    def log_counts(self) -> LogCounts:
        return self._log.counts() if self._log else NO_LOG

    def rank(self, query: RankRequest, request_id: str) -> Answer:
        """Answer one request from the release in service, and log the answer.

        Raises:
            Rejected: 503 while no release is in service; 422 where the request's time or context
                does not fit the release.
        """
        with self._entered:
            arm = self.arms.of(query.user_id)
            if arm is None:
                raise Rejected(
                    503, "no release is in service yet; /readyz says when one is"
                )
            response, prediction = self._answered(arm, query, request_id)
        self.telemetry.candidates += len(query.candidates)
        if self.shadow:
            self._shadowed(self.shadow, query, prediction)
        log, intake = self._logs(arm.serving)
        log.append(prediction)
        if intake:
            intake.answered(prediction)
        return response

    def _answered(
        self, arm: Arm, query: RankRequest, request_id: str
    ) -> tuple[Answer, Prediction]:
        """The arm's answer; the champion's where the canary breaks down."""
        self._keep_up()
        answered = Asked(query, request_id, self._clock(), arm.name, arm.serving.epoch)
        try:
            return answer(arm.serving.live, answered, self._declared)
        except IntegrityError:
            champion = self.serving
            if arm.name == CHAMPION or champion is None:
                raise
            _LOG.exception("the canary cannot answer, so the champion does")
            self.telemetry.canary_errors += 1
            answered = replace(answered, arm=CHAMPION, epoch=champion.epoch)
            return answer(champion.live, answered, self._declared)

    def _shadowed(self, shadow: Shadow, query: RankRequest, prediction: Prediction) -> None:
        request = Request(
            prediction.user_id, prediction.candidates, prediction.ts, prediction.context
        )
        order = np.array(prediction.order, np.int64)
        shadow.offer(
            request, order, prediction.request_id, prediction.release, query.revenue
        )

    def take(self, rows: EventRows, offset: tuple[str, str] | None = None) -> Intake:
        """Take events; on return they are durable, and in the state that answers next.

        Args:
            rows: as they came.
            offset: a feed's name and how far it is read with these rows, kept in one transaction with them.

        Raises:
            Rejected: 503 while no release is in service, or where this server has no event log.
        """
        serving = self.serving
        if serving is None:
            raise Rejected(503, "no release is in service yet; /readyz says when one is")
        _, intake = self._logs(serving)
        if intake is None:
            message = "this server has no event log; start it with `sluice serve`"
            raise Rejected(503, message, code=Code.NO_EVENT_LOG)
        result = intake.take(rows, offset)
        with self._entered:
            self._keep_up()
        return result

    def readiness(self) -> Readiness:
        """How it stands now; ready only where a release is in service that repeated its golden requests."""
        serving = self.serving
        if serving is None:
            champion = self.arms.champion
            return Readiness(champion.waiting, refused=champion.refused)
        provenance = serving.release.manifest.provenance
        age = state_age(serving.live.state, self._clock())
        reasons = degradation(age, self._declared)
        return Readiness(
            Status.DEGRADED if reasons else Status.READY,
            release=serving.release.digest,
            surface=provenance.surface,
            version=provenance.version,
            epoch=serving.epoch,
            state_age_s=None if age is None else age / 1e6,
            position=serving.live.progress.position,
            behind=self._behind(serving),
            late=serving.live.progress.late,
            refused=self.arms.champion.refused,
            reasons=reasons,
        )

    def _behind(self, serving: Serving) -> int | None:
        """Batches that the state does not hold yet; None where the log cannot be asked."""
        try:
            return serving.live.behind
        except (SluiceError, OSError, sqlite3.Error) as error:
            _LOG.error("the feed cannot be asked how far it is: %s", error)
            return None

    async def _follow_feed(self) -> None:
        """Take in what comes while nobody asks, so that the next request need not wait for it."""
        while True:
            await asyncio.sleep(self.pace.feed)
            await asyncio.to_thread(self._enter_and_keep_up)

    def _enter_and_keep_up(self) -> None:
        with self._entered:
            self._keep_up()

    def _keep_up(self) -> None:
        """Bring every state up to the feed; an old state answers where the feed cannot be read."""
        for following, serving in self.arms.in_service():
            self._refresh(following, serving)

    def _refresh(self, following: Following, serving: Serving) -> None:
        try:
            serving.live.refresh()
        except Superseded:
            following.begin_anew()
        except (SluiceError, OSError, sqlite3.Error):
            _LOG.exception("the feed cannot be taken in; the state stays behind it")
            self.telemetry.feed_errors += 1

    def _logs(self, serving: Serving) -> tuple[PredictionLog, EventIntake | None]:
        """What depends on the surface, which the first release names."""
        if self._log is None:
            with self._opening:
                if self._log is None:
                    self._open_logs(serving.release.manifest.provenance.surface)
        assert self._log is not None  # noqa: S101 - narrows
        return self._log, self._intake

    def _open_logs(self, surface: str) -> None:
        kept, folder = self._declared.predictions, self._predictions / surface
        flush = NEIGHBOUR_SECONDS / 3 if self._workers > 1 else LogLimits.flush_seconds
        limits = LogLimits(max_mb=kept.max_mb, keep=kept.keep, flush_seconds=flush)
        log = PredictionLog(folder, limits)
        if self._events:
            self._intake = EventIntake(
                self._events,
                ServedRequests(folder, surface, log.process),
                surface,
                shown_down_to=self._declared.shown_down_to,
                neighbours=self._workers > 1,
            )
        self._log = log
