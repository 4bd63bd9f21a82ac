"""The quality gate: candidate against champion or baseline on the same requests."""

from dataclasses import asdict
from typing import Any, Literal

from registry.gates.judgement import Judgement, finite, missing
from sluice.metrics.comparison import PairedComparison
from sluice.store.records import Outcome
from sluice.surface import QualityGate

ReferenceKind = Literal["champion", "baseline"]


def judge_quality(
    comparison: PairedComparison | None, rule: QualityGate, *, reference_kind: ReferenceKind
) -> Judgement:
    """Judge a paired comparison by its whole interval, never by its point.

    Superiority asks low > 0, non-inferiority low > -margin × reference (see any text on
    non-inferiority trials, e.g. CONSORT 2010). Where the interval lies wholly beyond the threshold
    the candidate fails; where it straddles it, nobody knows and the candidate is held. Against the
    baseline superiority is asked whatever the rule: a candidate that is no better than the baseline
    is no candidate.
    """
    superiority = reference_kind == "baseline" or rule.rule == "superiority"
    evidence = _evidence(comparison, rule, reference_kind, superiority=superiority)
    unusable = _unusable(comparison, rule, evidence)
    if comparison is None or unusable:
        reason = f"{rule.metric} cannot be compared with the {reference_kind}: {unusable}."
        return Judgement("quality", Outcome.INCONCLUSIVE, reason, evidence)
    threshold = 0.0 if superiority else -rule.margin * comparison.reference
    outcome = _outcome(comparison, threshold)
    reason = f"{_figures(comparison, reference_kind)}, {_meaning(outcome, comparison, threshold)}."
    return Judgement("quality", outcome, reason, {**evidence, "threshold": threshold})


def _outcome(comparison: PairedComparison, threshold: float) -> Outcome:
    if comparison.low > threshold:
        return Outcome.PASS
    return Outcome.FAIL if comparison.high <= threshold else Outcome.INCONCLUSIVE


def _unusable(
    comparison: PairedComparison | None, rule: QualityGate, evidence: dict[str, Any]
) -> str | None:
    if comparison is None:
        return "no comparison was made"
    absent = missing(evidence)
    if absent:
        return f"the comparison has no figure for {', '.join(absent)}"
    if comparison.metric != rule.metric:
        return f"the comparison is of {comparison.metric}"
    if comparison.low > comparison.high:
        return f"its interval is upside down, {comparison.low:g} to {comparison.high:g}"
    return _underpowered(comparison, rule)


def _underpowered(comparison: PairedComparison, rule: QualityGate) -> str | None:
    if comparison.confidence < rule.confidence:
        return f"its interval holds at {comparison.confidence:.0%}, the rule asks {rule.confidence:.0%}"
    if comparison.requests < rule.min_requests:
        return (
            f"{comparison.requests} requests were judged, the rule asks {rule.min_requests}"
        )
    if comparison.clusters < rule.min_users:
        return f"{comparison.clusters} users were judged, the rule asks {rule.min_users}"
    return None


def _figures(comparison: PairedComparison, reference_kind: ReferenceKind) -> str:
    return (
        f"{comparison.metric} is {comparison.candidate:.4f} against {comparison.reference:.4f} of the "
        f"{reference_kind}, a difference of {comparison.difference:+.4f} "
        f"({comparison.confidence:.0%} interval {comparison.low:+.4f} to {comparison.high:+.4f}, "
        f"{comparison.requests:,} requests of {comparison.clusters:,} users)"
    )


def _meaning(outcome: Outcome, comparison: PairedComparison, threshold: float) -> str:
    if outcome is Outcome.PASS:
        return f"all of it above {_named(threshold)}"
    if outcome is Outcome.FAIL:
        return f"none of it above {_named(threshold)}"
    return (
        f"which straddles {_named(threshold)}; with this many requests only a "
        f"difference of {comparison.minimum_detectable:.4f} or more would be found"
    )


def _named(threshold: float) -> str:
    return f"the tolerated loss of {threshold:+.4f}" if threshold else "zero"


def _evidence(
    comparison: PairedComparison | None,
    rule: QualityGate,
    reference_kind: ReferenceKind,
    *,
    superiority: bool,
) -> dict[str, Any]:
    asked = {
        "reference_kind": reference_kind,
        "rule": "superiority" if superiority else "non_inferiority",
        "margin": 0.0 if superiority else rule.margin,
    }
    if comparison is None:
        return {**asked, "metric": rule.metric, "comparison": None}
    figures = {key: _plain(value) for key, value in asdict(comparison).items()}
    return {**asked, **figures}


def _plain(value: str | float) -> str | float | None:
    return value if isinstance(value, str) else finite(value)
