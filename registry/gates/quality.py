"""The quality gate: candidate against champion or baseline on the same requests."""

from typing import Any, Literal

from registry.gates.judgement import Judgement
from registry.gates.paired import asked, figures, settled
from sluice.gate_spec import QualityGate
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.decision import Rule
from sluice.store.records import Outcome

ReferenceKind = Literal["champion", "baseline"]


def judge_quality(
    comparison: PairedComparison | None, rule: QualityGate, *, reference_kind: ReferenceKind
) -> Judgement:
    """Judge a paired comparison by its whole interval, never by its point; see `decide`.

    A candidate that straddles the threshold is held. Against the baseline superiority is asked
    whatever the rule: a candidate that is no better than the baseline is no candidate.
    """
    kind: Rule = "superiority" if reference_kind == "baseline" else rule.rule
    evidence = _evidence(comparison, rule, reference_kind, kind)
    decision = settled(comparison, rule.metric, rule, kind)
    if comparison is None or decision.threshold is None:
        reason = f"{rule.metric} cannot be compared with the {reference_kind}: {decision.reason}."
        return Judgement("quality", Outcome.INCONCLUSIVE, reason, evidence)
    reason = (
        f"{comparison.metric} is {comparison.candidate:.4f} against {comparison.reference:.4f} "
        f"of the {reference_kind}, {decision.reason}."
    )
    return Judgement(
        "quality",
        Outcome(decision.outcome),
        reason,
        {**evidence, "threshold": decision.threshold},
    )


def _evidence(
    comparison: PairedComparison | None,
    rule: QualityGate,
    reference_kind: ReferenceKind,
    kind: Rule,
) -> dict[str, Any]:
    demanded = {
        "reference_kind": reference_kind,
        "limits": rule.model_dump(mode="json"),
        **asked(kind, rule.margin),
    }
    if comparison is None:
        return {**demanded, "metric": rule.metric, "comparison": None}
    return {**demanded, **figures(comparison)}
