"""What the HTTP interface needs of the server behind it, and what it gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import polars as pl

from sluice.data.batch import RefusedRow
from sluice.serving.prediction_log import LogCounts
from sluice.serving.request import RankRequest
from sluice.serving.telemetry import Telemetry


@dataclass(frozen=True)
class Answer:
    """One ranking, as it goes out."""

    request_id: str
    release: str
    """Digest."""
    epoch: int | None
    """Of the pointer; None where no pointer is followed."""
    version: int
    ts: int
    """The time as of which everything was known, µs since the epoch."""
    items: Sequence[tuple[str, float, int]]
    """Item id, score, slot (1 the top), from the top slot down."""
    state_age_s: float | None
    """Seconds between the newest event in the state and now; None where it has none."""
    degraded: bool
    """Whether the answer is worse than declared; `reasons` says why."""
    reasons: tuple[str, ...]
    unknown_items: int
    """Candidates of which nothing is known; they got the declared defaults."""
    unknown_user: bool
    arm: str
    """Which release answered: `champion`, or the canary's name."""


@dataclass(frozen=True)
class Intake:
    """What became of the rows of one intake."""

    accepted: int
    repeated: int
    """Rows that were there already."""
    refused: tuple[RefusedRow, ...]
    """Each with its number in the table as it was sent, from 0."""


@dataclass(frozen=True)
class EventRows:
    """The rows of one intake that could be read.

    Columns are those of `sluice.data.schema`, in its order and types, and the `context_*` columns
    sent. Unlike in the log, `user_id`, `surface` and `ts` of exposures may be null: they are those
    of the request that the service answered.
    """

    tables: Mapping[str, pl.DataFrame]
    """Each of the three tables, possibly of no row."""
    rows: Mapping[str, Sequence[int]]
    """For each row of a frame, its number in the table as it was sent."""
    refused: tuple[RefusedRow, ...]
    """Rows that could not be read."""

    @property
    def count(self) -> int:
        """Rows that could be read."""
        return sum(frame.height for frame in self.tables.values())

    def as_sent(self, refused: RefusedRow) -> RefusedRow:
        """A refusal of a row of a frame, with the number that its sender knows it by."""
        return replace(refused, row=self.rows[refused.table][refused.row])


class Status(StrEnum):
    """Whether a service may be asked."""

    STARTING = "starting"
    """No release has been verified yet."""
    CATCHING_UP = "catching_up"
    """A release is verified; its state is being brought to now."""
    READY = "ready"
    DEGRADED = "degraded"
    """It answers, and says in each answer why that is worse than declared."""
    REFUSED = "refused"
    """The release named did not pass verification, and no other is in service."""


ANSWERING = frozenset({Status.READY, Status.DEGRADED})


class RefusalReason(StrEnum):
    """Why the newest release named is not in service, in words for everybody.

    Details may hold paths, so they stand in the server's log alone.
    """

    UNTRUSTED = "untrusted"
    """Its signature is missing or wrong."""
    DAMAGED = "damaged"
    """Its bytes are not those that were signed."""
    UNFIT = "unfit"
    """It fails its golden requests, or cannot be loaded."""
    POINTER = "pointer"
    """What names it cannot be read, or went back."""
    OTHER = "other"


@dataclass(frozen=True)
class Readiness:
    """How a service stands."""

    status: Status
    release: str | None = None
    surface: str | None = None
    version: int | None = None
    epoch: int | None = None
    state_age_s: float | None = None
    position: int | None = None
    """Of the last batch of the feed that is in the state."""
    behind: int | None = None
    """Batches of the feed that are not in the state yet."""
    late: int | None = None
    """Events that came at or before what the state had counted, and count from then on."""
    refused: RefusalReason | None = None
    """Of the newest release named, where it is not in service."""
    reasons: tuple[str, ...] = ()
    """Why it is degraded."""

    @property
    def answers(self) -> bool:
        return self.status in ANSWERING


class RankingPort(Protocol):
    """A server that ranks and takes events. `rank` is entered by one thread at a time, `take` by another beside it."""

    @property
    def telemetry(self) -> Telemetry: ...

    def rank(self, query: RankRequest, request_id: str) -> Answer:
        """Answer one request, and log the answer.

        Raises:
            Rejected: 503 while it cannot answer, 422 where the request does not fit the release.
        """
        ...

    def take(self, rows: EventRows) -> Intake:
        """Take events; on return they are durable and in the state.

        Raises:
            Rejected: 503 while it cannot take any.
        """
        ...

    def readiness(self) -> Readiness:
        """How it stands now; cheap, and called from any thread."""
        ...

    def log_counts(self) -> LogCounts:
        """What became of the predictions logged; cheap, and called from any thread."""
        ...
