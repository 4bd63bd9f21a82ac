"""The replay gate: the packaged release answers recorded requests rightly, fast and in bounds."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.judgement import Judgement, count, finite, missing
from sluice.gates.outcome import Outcome


@dataclass(frozen=True)
class ReplayFigures:
    """What a replay of golden requests against the packaged release measured; None is unknown."""

    requests: int | None
    mismatches: int | None
    """Answers whose order or scores are not those of the registered model."""
    errors: int | None
    """Requests that got no answer."""
    p50_ms: float | None
    p99_ms: float | None
    memory_mb: float | None
    """Resident memory of the server after the replay."""
    digest_agreed: bool | None
    """Whether the server reported the digest of the release under judgement."""
    rounds: int | None = 1
    """In which the requests were asked; the latencies are of the quickest."""


class ReplayGate(Gate):
    """Recorded requests against the packaged release."""

    name: ClassVar[str] = "replay"
    question: ClassVar[str] = (
        "Does the package answer like the model, fast and within memory?"
    )
    position: ClassVar[int] = 110
    laxest_tier: ClassVar = "experimental"
    on_release: ClassVar[bool] = True

    requests: int = Field(default=100, ge=1)
    p99_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    memory_mb: int = Field(default=1500, ge=1)

    def judge(self, case: Case) -> Judgement:
        return self.decide(case.replayed)

    def decide(self, report: ReplayFigures | None) -> Judgement:
        """Judge a replay; one broken bound fails it, one missing figure leaves it open."""
        figures = _figures(report)
        evidence = {**figures, "limits": self.model_dump(mode="json")}
        broken = [] if report is None else _broken(figures, self)
        if broken:
            return Judgement(
                self.name, Outcome.FAIL, f"The release {'; '.join(broken)}.", evidence
            )
        unknown = _unknown(figures, self)
        if unknown:
            reason = f"The replay proves nothing: {unknown}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        reason = (
            f"{figures['requests']} recorded requests were answered as the registered model scores them, "
            f"p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms (limit {self.p99_ms:g}; the "
            f"quickest of {figures['rounds']} rounds), "
            f"{figures['memory_mb']:.0f} MB (limit {self.memory_mb})."
        )
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        limits = evidence["limits"]
        over = [
            f"{what} is {evidence[name]:,.1f} and may be {limits[least]:,}"
            for name, least, what in (
                ("p99_ms", "p99_ms", "p99 in ms"),
                ("memory_mb", "memory_mb", "memory in MB"),
            )
            if evidence.get(name) is not None and evidence[name] > limits[least]
        ]
        wrong = [
            f"{evidence[name]:,} {what} must be none"
            for name, what in (
                ("mismatches", "answers unlike the model's"),
                ("errors", "requests without an answer"),
            )
            if evidence.get(name)
        ]
        return [*over, *wrong] or [
            f"a replay of {limits['requests']:,} requests with every figure"
        ]


def _figures(report: ReplayFigures | None) -> dict[str, float | None]:
    if report is None:
        return {}
    counts = {
        name: count(getattr(report, name))
        for name in ("requests", "mismatches", "errors", "rounds")
    }
    sizes = {
        name: _positive(getattr(report, name)) for name in ("p50_ms", "p99_ms", "memory_mb")
    }
    agreed = report.digest_agreed if isinstance(report.digest_agreed, bool) else None
    return {**counts, **sizes, "digest_agreed": agreed}


def _positive(value: float | None) -> float | None:
    """No latency and no memory is zero: such a figure was not measured."""
    figure = finite(value)
    return figure if figure is not None and figure > 0 else None


def _broken(figures: dict[str, float | None], rule: ReplayGate) -> list[str]:
    requests = figures["requests"]
    sent = None if requests is None else requests * (figures["rounds"] or 1)
    breaches = []
    if figures["digest_agreed"] is False:
        breaches.append("served reported another digest than the one under judgement")
    if figures["errors"]:
        breaches.append(f"gave no answer to {figures['errors']} of {sent} requests")
    if figures["mismatches"]:
        breaches.append(
            f"answered {figures['mismatches']} of {sent} requests unlike the model"
        )
    p99, memory = figures["p99_ms"], figures["memory_mb"]
    if p99 is not None and p99 > rule.p99_ms:
        breaches.append(
            f"took {p99:.1f} ms at p99 in the quickest of {figures['rounds']} rounds, where "
            f"{rule.p99_ms:g} are allowed"
        )
    if memory is not None and memory > rule.memory_mb:
        breaches.append(f"held {memory:.0f} MB where {rule.memory_mb} are allowed")
    return breaches


def _unknown(figures: dict[str, float | None], rule: ReplayGate) -> str | None:
    if not figures:
        return "there is no report"
    absent = missing(figures)
    if absent:
        return f"the report has no figure for {', '.join(absent)}"
    if (figures["requests"] or 0) < rule.requests:
        return (
            f"{figures['requests']} requests were replayed, the rule asks {rule.requests}"
        )
    return None
