"""The served gate: what people get is what the gates judge."""

from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Any, ClassVar

from pydantic import Field

from sluice.data.durations import parse_duration
from sluice.features.declaration.spec import PositiveDuration
from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.judgement import Judgement
from sluice.gates.outcome import Outcome
from sluice.metrics.parity_report import EventDelay, ParityReport, ReleaseParity

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


class ServedGate(Gate):
    """What the champion answered, against the same recomputed; and how late its events were."""

    name: ClassVar[str] = "served"
    question: ClassVar[str] = "Do people get what is judged here, as fast as is assumed?"
    position: ClassVar[int] = 100
    laxest_tier: ClassVar = "critical"
    not_plain: ClassVar[frozenset[str]] = frozenset({"report"})

    min_identical: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.999
    """Least share of the champion's answers that are bit-identical when computed again."""
    max_age: PositiveDuration = "36h"
    """Of the newest parity report; an older one says nothing of now."""
    min_requests: int = Field(default=100, ge=1)

    def judge(self, case: Case) -> Judgement:
        return self.decide(
            case.parity, champion=case.champion, embargo=case.embargo, at=case.at
        )

    def decide(
        self,
        report: ParityReport | None,
        *,
        champion: str | None,
        embargo: str,
        at: datetime,
    ) -> Judgement:
        """Judge the champion's last window: its answers were those of its bytes, and its events in time.

        The candidate is held, since its own figures were measured in the way in which the champion's
        were: where those did not hold for what was served, nobody knows that these will.

        Args:
            report: of the surface's newest window; None where none was ever measured.
            champion: digest of the release that serves; None before a first promotion.
            embargo: how long after its receipt an event first counts, as the candidate declares it.
            at: when the candidate is judged.
        """
        of_champion = report.of(champion) if report and champion else None
        evidence = _evidence(report, of_champion, self, champion, embargo)
        if champion is None:
            reason = "There is no champion yet, so nobody is served by anything."
            return Judgement(self.name, Outcome.PASS, reason, evidence)
        if report is None:
            reason = "Nobody knows what was served: parity was never measured."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        outcome, reason = _judged(report, of_champion, self, embargo, at)
        return Judgement(self.name, outcome, reason, evidence)

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        limits, requests = evidence["limits"], evidence.get("requests") or 0
        if evidence.get("report") is None or requests < limits["min_requests"]:
            return [
                f"a parity report of a window that ended within {limits['max_age']} of the judgement, with "
                f"{limits['min_requests']:,} answers of the champion, where there are {requests:,}: run "
                "`sluice parity` after it has served so many"
            ]
        if evidence["share"] < limits["min_identical"]:
            needed = ceil(limits["min_identical"] * requests)
            return [
                f"{needed:,} of {requests:,} answers must be the same when computed again, "
                f"{evidence['identical']:,} are: `sluice parity` names those that are not"
            ]
        if evidence.get("delay_p95_s") is None:
            return [
                "events that come in live, through /events, so that their delay is measured"
            ]
        return [
            f"events within the embargo of {evidence['embargo']}, where 95 % are there within "
            f"{evidence['delay_p95_s']:,.1f} s: bring them sooner, or declare a longer features.embargo; and a "
            f"window that ended within {limits['max_age']} of the judgement"
        ]


def judge_window(report: ParityReport, rule: ServedGate) -> tuple[Outcome, str]:
    """Whether the answers of a window, of whatever releases, were those of their bytes."""
    if report.share is None or report.requests < rule.min_requests:
        return Outcome.INCONCLUSIVE, (
            f"Nobody knows: {report.requests:,} answers are too few, {rule.min_requests:,} are asked."
        )
    same = f"{report.share:.3%} of {report.requests:,} answers are the same when computed again"
    if report.share < rule.min_identical:
        return Outcome.FAIL, f"{same}, {rule.min_identical:.3%} is asked."
    return Outcome.PASS, f"{same}."


def embargo_for(seconds: float) -> str:
    """The least duration that a surface can declare as embargo for events delayed by so much."""
    whole = max(ceil(seconds), 1)
    unit, size = next(
        ((name, size) for name, size in _UNITS if whole >= 2 * size), ("s", 1)
    )
    return f"{ceil(whole / size)}{unit}"


def slow(delay: EventDelay, embargo: str) -> bool:
    """Whether events are delayed by more than is assumed."""
    return delay.spread.p95_s > parse_duration(embargo).total_seconds()


def _judged(
    report: ParityReport,
    champion: ReleaseParity | None,
    rule: ServedGate,
    embargo: str,
    at: datetime,
) -> tuple[Outcome, str]:
    if lacking := _lacking(report, champion, rule, at):
        return Outcome.INCONCLUSIVE, f"Nobody knows what is served now: {lacking}."
    assert champion is not None  # noqa: S101 - lacking otherwise
    share = champion.share or 0.0
    same = f"{share:.3%} of the champion's {champion.requests:,} answers are the same when computed again"
    if share < rule.min_identical:
        why = f": {champion.unusable}" if champion.unusable else ""
        return Outcome.FAIL, f"{same}, {rule.min_identical:.3%} is asked{why}."
    slowest = report.slowest
    if slowest is None:
        return Outcome.INCONCLUSIVE, (
            f"{same}, but no event came in live, so nobody knows how late events are."
        )
    seconds = slowest.spread.p95_s
    late = f"events of kind {slowest.kind} take {seconds:,.1f} s (95th percentile)"
    if slow(slowest, embargo):
        return Outcome.FAIL, (
            f"{same}, but {late} where the features assume {embargo}: declare "
            f'features.embargo = "{embargo_for(seconds)}".'
        )
    return Outcome.PASS, f"{same}; {late}, {embargo} is assumed."


def _lacking(
    report: ParityReport, champion: ReleaseParity | None, rule: ServedGate, at: datetime
) -> str | None:
    if report.measured_at > at:
        return (
            f"parity was measured at {report.measured_at.isoformat()}, after the judgement"
        )
    # By its window, for an old one that was measured a moment ago says nothing of now either.
    age = at - min(report.end, report.measured_at)
    if age > parse_duration(rule.max_age):
        return f"the last parity window is {_hours(age)} h old, {rule.max_age} is allowed"
    served = champion.requests if champion else 0
    if served < rule.min_requests:
        return (
            f"the champion answered {served:,} requests in the last window, "
            f"{rule.min_requests:,} are asked"
        )
    return None


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:,.1f}"


def _evidence(
    report: ParityReport | None,
    champion: ReleaseParity | None,
    rule: ServedGate,
    release: str | None,
    embargo: str,
) -> dict[str, Any]:
    slowest = report.slowest if report else None
    return {
        "limits": rule.model_dump(mode="json"),
        "champion": release,
        "requests": champion.requests if champion else None,
        "identical": champion.identical if champion else None,
        "share": champion.share if champion else None,
        "unusable": champion.unusable if champion else None,
        "embargo": embargo,
        "slowest": slowest.kind if slowest else None,
        "delay_p50_s": slowest.spread.p50_s if slowest else None,
        "delay_p95_s": slowest.spread.p95_s if slowest else None,
        "measured_at": report.measured_at.isoformat() if report else None,
        "window": [report.start.isoformat(), report.end.isoformat()] if report else None,
        "report": report.to_json() if report else None,
    }
