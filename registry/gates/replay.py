"""The replay gate: the packaged release answers recorded requests rightly, fast and in bounds."""

from dataclasses import dataclass

from sluice.gate_spec import ReplayGate
from sluice.registry.gates.judgement import Judgement, count, finite, missing
from sluice.store.records import Outcome


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


def judge_replay(report: ReplayFigures | None, rule: ReplayGate) -> Judgement:
    """Judge a replay; one broken bound fails it, one missing figure leaves it open."""
    figures = _figures(report)
    evidence = {**figures, "limits": rule.model_dump(mode="json")}
    broken = [] if report is None else _broken(figures, rule)
    if broken:
        return Judgement(
            "replay", Outcome.FAIL, f"The release {'; '.join(broken)}.", evidence
        )
    unknown = _unknown(figures, rule)
    if unknown:
        reason = f"The replay proves nothing: {unknown}."
        return Judgement("replay", Outcome.INCONCLUSIVE, reason, evidence)
    reason = (
        f"{figures['requests']} recorded requests were answered as the registered model scores them, "
        f"p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms (limit {rule.p99_ms:g}; the "
        f"quickest of {figures['rounds']} rounds), "
        f"{figures['memory_mb']:.0f} MB (limit {rule.memory_mb})."
    )
    return Judgement("replay", Outcome.PASS, reason, evidence)


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
    asked = None if requests is None else requests * (figures["rounds"] or 1)
    found = []
    if figures["digest_agreed"] is False:
        found.append("served reported another digest than the one under judgement")
    if figures["errors"]:
        found.append(f"gave no answer to {figures['errors']} of {asked} requests")
    if figures["mismatches"]:
        found.append(
            f"answered {figures['mismatches']} of {asked} requests unlike the model"
        )
    p99, memory = figures["p99_ms"], figures["memory_mb"]
    if p99 is not None and p99 > rule.p99_ms:
        found.append(
            f"took {p99:.1f} ms at p99 in the quickest of {figures['rounds']} rounds, where "
            f"{rule.p99_ms:g} are allowed"
        )
    if memory is not None and memory > rule.memory_mb:
        found.append(f"held {memory:.0f} MB where {rule.memory_mb} are allowed")
    return found


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
