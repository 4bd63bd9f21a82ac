"""What was served over a window against the same, recomputed: the report that the gate reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sluice.errors import IntegrityError
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.feature_gaps import FeatureGap

NAMED = 100
"""Answers that a report names for each release; the count tells of all."""


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile of some seconds."""

    count: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class EventDelay:
    """How long events of one kind took from being available to being accepted by the log."""

    kind: str
    """`exposure`, `item` or a kind of feedback."""
    spread: Spread


@dataclass(frozen=True)
class ScoreGap:
    """Scores as they were against those with everything that was available by then."""

    requests: int
    changed: int
    """Requests in which a score is another by a bit or more."""
    mean: float
    """Mean absolute difference over all candidates."""
    largest: float


@dataclass(frozen=True)
class ReleaseParity:
    """Answers of one release, asked again of its own bytes."""

    release: str
    requests: int
    """Logged answers in the window."""
    identical: int
    """Of them, with features and scores that are the same bit for bit, with what was known then."""
    other: tuple[str, ...] = ()
    """The first answers that are not, as `<process>:<sequence>` of the prediction log."""
    unusable: str | None = None
    """Why the release could not be asked again; then none of its answers is identical."""
    late: int = 0
    """Events that came after the state had passed their time, over all processes."""
    sampled: int = 0
    """Answers whose features were logged whole."""
    skew: tuple[FeatureGap, ...] = ()
    """Features as served against as recomputed, over the sampled answers; ought to be nothing."""
    delayed: tuple[FeatureGap, ...] = ()
    """Features as known then against with everything that was available by then, over all answers."""
    scores: ScoreGap | None = None
    """The same of the scores."""
    quality: PairedComparison | None = None
    """nDCG@10 of the served scores minus that of scores with everything available; None with too
    few labels."""

    @property
    def share(self) -> float | None:
        """Identical answers, 0 to 1; None where there was none to compare."""
        return self.identical / self.requests if self.requests else None


@dataclass(frozen=True)
class ParityReport:
    """One surface over one window of its requests' time."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    surface: str
    start: datetime
    end: datetime
    """Not part of the window."""
    measured_at: datetime
    releases: tuple[ReleaseParity, ...]
    """In the order in which they first answered; empty where nothing was served."""
    lost: int = 0
    """Answers that the prediction log knows it did not keep."""
    delays: tuple[EventDelay, ...] = ()
    """Of events that came in live; empty where none did."""
    state_age: Spread | None = None
    """From the newest event that was counted to the request."""
    unknown_items: float | None = None
    """Share of the candidates without facts."""
    unknown_users: float | None = None
    """Share of the requests by people without history."""

    @property
    def requests(self) -> int:
        return sum(release.requests for release in self.releases)

    @property
    def share(self) -> float | None:
        """Identical answers of all releases, 0 to 1; None where nothing was served."""
        identical = sum(release.identical for release in self.releases)
        return identical / self.requests if self.requests else None

    @property
    def slowest(self) -> EventDelay | None:
        """The kind of event with the longest delay; None where none came in live."""
        return max(self.delays, key=lambda delay: delay.spread.p95_s, default=None)

    def of(self, release: str) -> ReleaseParity | None:
        """What one release answered; None where it answered nothing."""
        return next((build for build in self.releases if build.release == release), None)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON, for a `Document`."""
        return _adapter().dump_python(self, mode="json")

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "ParityReport":
        """Read what `to_json` gave.

        Raises:
            IntegrityError: it is no such report.
        """
        try:
            return _adapter().validate_python(body)
        except ValidationError as error:
            raise IntegrityError(
                f"Cannot read a parity report because it is none that was written: {error}"
            ) from error


@cache
def _adapter() -> TypeAdapter[ParityReport]:
    return TypeAdapter(ParityReport)
