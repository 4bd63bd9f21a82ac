"""The ranking server as the HTTP interface wants it."""

from collections.abc import Callable
from dataclasses import replace

from serving.port import Answer, EventRows, Intake, Readiness, RefusalReason, Status
from serving.prediction_log import LogCounts
from serving.problem import Rejected
from serving.ranking_server import RankingServer
from serving.request import RankRequest
from serving.telemetry import Telemetry
from serving.times import now_micros


class ServedRelease:
    """A `RankingServer` behind `serving.port.RankingPort`; it takes no events."""

    def __init__(
        self, server: RankingServer, clock: Callable[[], int] = now_micros
    ) -> None:
        self._server, self._clock = server, clock

    @property
    def telemetry(self) -> Telemetry:
        return self._server.telemetry

    def rank(self, asked: RankRequest, request_id: str) -> Answer:
        ts = self._clock() if asked.ts is None else asked.ts
        serving, ranking = self._server.rank(replace(asked, ts=ts), request_id)
        order, scores = ranking.order.tolist(), ranking.scores.tolist()
        return Answer(
            request_id=request_id,
            release=serving.release.digest,
            epoch=serving.epoch,
            version=serving.release.manifest.provenance.version,
            ts=ts,
            items=[
                (asked.candidates[row], scores[row], slot)
                for slot, row in enumerate(order, start=1)
            ],
            state_age_s=None,
            degraded=False,
            reasons=(),
            unknown_items=0,
            unknown_user=False,
            arm="champion",
        )

    def take(self, rows: EventRows) -> Intake:
        """Refuse: this server's state takes no events.

        Raises:
            Rejected: always, 503.
        """
        raise Rejected(503, f"this service takes no events; {rows.count} row(s) not taken")

    def readiness(self) -> Readiness:
        serving, refused = self._server.serving, bool(self._server.refusal)
        reason = RefusalReason.OTHER if refused else None
        if serving is None:
            return Readiness(Status.REFUSED if refused else Status.STARTING, refused=reason)
        provenance = serving.release.manifest.provenance
        return Readiness(
            Status.READY,
            serving.release.digest,
            provenance.surface,
            provenance.version,
            serving.epoch,
            refused=reason,
        )

    def log_counts(self) -> LogCounts:
        return self._server.log_counts()
