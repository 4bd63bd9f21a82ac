"""A ranking server in memory: the port's twin for tests of the HTTP interface."""

import time
from dataclasses import dataclass, field, replace

from sluice.serving.port import Answer, EventRows, Intake, Readiness, RefusedRow, Status
from sluice.serving.prediction_log import LogCounts
from sluice.serving.problem import Code, Rejected, unfit
from sluice.serving.telemetry import Telemetry

NOW = 1_768_000_000_000_000
"""2026-01-09, in µs: the twin's clock."""
RELEASE = "a" * 64
CONTEXT = ("context_device", "context_rank")


@dataclass
class TwinServer:
    """Ranks by item id, and remembers what it took; `work_seconds` is how long each ranking takes."""

    work_seconds: float = 0.0
    seconds_per_candidate: float = 0.0
    known_users: frozenset[str] = frozenset({"user1"})
    telemetry: Telemetry = field(default_factory=Telemetry)
    state: Readiness = field(
        default_factory=lambda: Readiness(
            Status.READY, RELEASE, "for_you", 1, 7, state_age_s=2.0, position=3, behind=0
        )
    )
    taken: list[EventRows] = field(default_factory=list)
    rows: set[tuple] = field(default_factory=set)
    ranked: int = 0
    entered: int = 0
    """Threads inside now; more than one is a fault of the caller."""

    def rank(self, asked, request_id):
        with self._alone():
            if not self.state.answers:
                raise Rejected(
                    503, "no release is in service yet; /readyz says when one is"
                )
            if any(name not in CONTEXT for name in asked.context):
                raise unfit("context", Code.DOES_NOT_FIT, "an unknown name in context")
            if self.work_seconds or self.seconds_per_candidate:
                time.sleep(
                    self.work_seconds + self.seconds_per_candidate * len(asked.candidates)
                )
            self.ranked += 1
            self.telemetry.candidates += len(asked.candidates)
            return self._answer(asked, request_id)

    def take(self, rows):
        with self._alone():
            if not self.state.answers:
                raise Rejected(503, "no events are taken yet")
            self.taken.append(rows)
            fresh, repeated, refused = 0, 0, []
            for table, frame in rows.tables.items():
                for number, row in zip(rows.rows[table], frame.rows(), strict=True):
                    key = (table, str(row))
                    if table == "feedback" and row[3] not in {"click", "like", "dwell"}:
                        refused.append(RefusedRow(table, number, "kind", "unknown", "no"))
                    elif key in self.rows:
                        repeated += 1
                    else:
                        self.rows.add(key)
                        fresh += 1
            return Intake(fresh, repeated, tuple(refused))

    def readiness(self):
        return self.state

    def log_counts(self):
        return LogCounts(accepted=self.ranked, stored=self.ranked, dropped=0, in_queue=0)

    def degrade(self, *reasons):
        self.state = replace(self.state, status=Status.DEGRADED, reasons=reasons)

    def _answer(self, asked, request_id):
        items = sorted(asked.candidates)
        return Answer(
            request_id=request_id,
            release=RELEASE,
            epoch=self.state.epoch,
            version=1,
            ts=NOW if asked.ts is None else asked.ts,
            items=[(item, 1.0 / slot, slot) for slot, item in enumerate(items, start=1)],
            state_age_s=self.state.state_age_s,
            degraded=self.state.status is Status.DEGRADED,
            reasons=self.state.reasons,
            unknown_items=sum(not item.startswith("item") for item in items),
            unknown_user=asked.user_id not in self.known_users,
            arm="champion",
        )

    def _alone(self):
        return _Entered(self)


class _Entered:
    def __init__(self, server):
        self._server = server

    def __enter__(self):
        self._server.entered += 1
        assert self._server.entered == 1, "two threads are inside the server"

    def __exit__(self, *_):
        self._server.entered -= 1
