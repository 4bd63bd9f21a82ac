"""The state behind the routes: the release being served, how it is swapped, and what is logged."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serving.prediction import Prediction
from serving.prediction_log import LogCounts, PredictionLog
from serving.release import LoadedRelease, open_release
from serving.request import RankRequest, Rejected
from serving.sandbox import DEFAULT_LIMITS, Limits
from serving.scorer import Ranking
from serving.source import Assignment, Source
from serving.telemetry import Telemetry
from serving.trust import Trust
from sluice.errors import DataError, IntegrityError, SluiceError, StaleState
from sluice.features.state import Request

_LOG = logging.getLogger(__name__)

NO_LOG = LogCounts(accepted=0, stored=0, dropped=0, in_queue=0)


@dataclass(frozen=True)
class Serving:
    """A verified release in service, and since which epoch of the pointer."""

    release: LoadedRelease
    epoch: int | None


class RankingServer:
    """Answers from one verified release at a time; a request sees the old one or the new one whole.

    Scoring runs in the event loop's thread, one request after the other: the feature state is not
    thread-safe, and a ranking takes about a millisecond. Verification runs in a thread and a child
    process, so it delays nobody.
    """

    def __init__(  # noqa: PLR0913 - two things to be told, the rest are limits with defaults
        self,
        source: Source,
        predictions: Path,
        clock: Callable[[], int],
        *,
        limits: Limits = DEFAULT_LIMITS,
        trust: Trust | None = None,
        poll_seconds: float = 1.0,
        retry_seconds: float = 30.0,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            source: names the release to serve.
            predictions: folder that gets one folder for each surface.
            clock: now, in µs since the epoch.
            limits: of the child that tries a release.
            trust: whose signature a release needs; None where none is looked at.
            poll_seconds: between two looks at the source.
            retry_seconds: after which a refused release is tried again.
        """
        self.telemetry = Telemetry()
        self.serving: Serving | None = None
        self.refusal = ""
        """Why the newest release named is not in service; empty where it is, or is being verified."""
        self._source, self._predictions, self._clock = source, predictions, clock
        self._limits, self._trust, self._poll_seconds = limits, trust, poll_seconds
        self._retry_seconds, self._retry_at = retry_seconds, 0.0
        self._log: PredictionLog | None = None
        self._watcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for a release, in the running event loop."""
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop looking, and write what the prediction log holds."""
        if self._watcher:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        if self._log:
            await asyncio.to_thread(self._log.close)

    def log_counts(self) -> LogCounts:
        return self._log.counts() if self._log else NO_LOG

    def rank(self, asked: RankRequest, request_id: str) -> tuple[Serving, Ranking]:
        """Answer one request from the release in service, and log the answer.

        Raises:
            Rejected: 503 while no release is in service; 422 where the request's time or context
                does not fit the release.
        """
        serving = self.serving
        if serving is None or self._log is None:
            raise Rejected(503, "no release is in service yet; /readyz says when one is")
        request = self._request(asked, serving)
        try:
            ranking = serving.release.scorer.rank(
                request, asked.revenue, explore=request_id
            )
        except (StaleState, DataError) as error:
            raise Rejected(422, f"the request does not fit the release: {error}") from error
        self.telemetry.candidates += len(request.item_ids)
        self._log.append(_prediction(request, request_id, ranking, serving.release.digest))
        return serving, ranking

    async def look(self) -> None:
        """Ask the source, and swap when it names another release that passes verification."""
        try:
            named = await asyncio.to_thread(self._source.assignment)
            self._check_epoch(named)
            if self.serving and self.serving.release.digest == named.digest:
                release = self.serving.release
            else:
                release = await asyncio.to_thread(self._open, named)
            self._take(release, named.epoch)
        except (SluiceError, OSError) as error:
            self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the champion goes on serving
            # Of our own making, so it is told whole; and who looks must go on looking.
            _LOG.exception("the look at the release named broke down")
            self._refuse(f"{type(error).__name__}: {error}")

    async def _watch(self) -> None:
        await self.look()
        while True:
            await asyncio.sleep(self._poll_seconds)
            refused_long_ago = self.refusal and time.monotonic() >= self._retry_at
            if refused_long_ago or self._source.changed():
                await self.look()

    def _refuse(self, why: str) -> None:
        self.refusal = why
        self._retry_at = time.monotonic() + self._retry_seconds
        self.telemetry.refusals += 1
        _LOG.error("release refused, %s: %s", self._still(), why)

    def _open(self, named: Assignment) -> LoadedRelease:
        return open_release(named.folder, named.digest, self._limits, self._trust)

    def _take(self, release: LoadedRelease, epoch: int | None) -> None:
        if self._log is None:
            self._log = PredictionLog(
                self._predictions / release.manifest.provenance.surface
            )
        if self.serving is None or self.serving.release is not release:
            self.telemetry.swaps += 1
            _LOG.info("release %s is in service", release.digest)
        self.serving = Serving(release, epoch)
        self.refusal = ""

    def _check_epoch(self, named: Assignment) -> None:
        since = self.serving.epoch if self.serving else None
        if since is not None and named.epoch is not None and named.epoch < since:
            raise IntegrityError(
                f"the pointer went back from epoch {since} to {named.epoch}"
            )

    def _still(self) -> str:
        return (
            f"{self.serving.release.digest[:12]} stays in service"
            if self.serving
            else "none in service"
        )

    def _request(self, asked: RankRequest, serving: Serving) -> Request:
        known = serving.release.scorer.state.context
        if unknown := [name for name in asked.context if name not in known]:
            raise Rejected(
                422,
                f"{len(unknown)} unknown name(s) in context; there are: {', '.join(known) or 'none'}",
            )
        ts = self._clock() if asked.ts is None else asked.ts
        return Request(asked.user_id, asked.candidates, ts, asked.context)


def _prediction(
    request: Request, request_id: str, ranking: Ranking, release: str
) -> Prediction:
    return Prediction(
        request_id=request_id,
        ts=request.ts,
        user_id=request.user_id,
        candidates=request.item_ids,
        scores=tuple(ranking.scores.tolist()),
        order=tuple(ranking.order.tolist()),
        propensities=tuple(ranking.propensities.tolist()),
        release=release,
        features_digest=ranking.features_digest,
        context={
            name: tuple(value) if isinstance(value, Sequence) else value
            for name, value in request.context.items()
        },
    )
