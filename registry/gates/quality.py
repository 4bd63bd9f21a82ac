"""The quality gate: candidate against champion or baseline on the same requests."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sluice.gate_spec import QualityGate
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.decision import Decision, Minimum, Rule
from sluice.metrics.pooled import PooledComparison, decide_loss
from sluice.registry.gates.judgement import Judgement, finite
from sluice.registry.gates.paired import asked, figures, settled
from sluice.store.records import Outcome

ReferenceKind = Literal["champion", "baseline"]


@dataclass(frozen=True)
class Labels:
    """What came of the judged requests."""

    kind: str
    judged: int
    """Requests to be judged."""
    labelled: int
    """Of these, such as a ranking can be right or wrong about."""
    last: str | None
    """When the newest label of the whole window was received, ISO 8601; None without any."""

    @property
    def lacking(self) -> str:
        """Why there is no comparison, for the reader."""
        came = (
            f"the last {self.kind} was received at {self.last}"
            if self.last
            else "none ever came"
        )
        return (
            f"{self.labelled:,} of {self.judged:,} judged requests have a {self.kind}, of too few people "
            f"to compare; {came}"
        )


def judge_quality(
    comparison: PairedComparison | None,
    rule: QualityGate,
    *,
    reference_kind: ReferenceKind,
    labels: Labels | None = None,
    pooled: PooledComparison | None = None,
) -> Judgement:
    """Judge a paired comparison by its whole interval, never by its point; see `decide`.

    Non-inferiority to the champion is judged over the windows of this configuration together, where
    they were pooled; a candidate whose own window alone is beyond the margin fails all the same. A candidate that straddles the threshold is held, and so is one whose gain is beyond what is
    believed: a person has to say why it is no leak. Against the baseline superiority is asked
    whatever the rule: a candidate that is no better than the baseline is no candidate.
    """
    kind: Rule = "superiority" if reference_kind == "baseline" else rule.rule
    evidence = _evidence(comparison, rule, reference_kind, kind)
    if labels is not None:
        evidence |= {"labels": asdict(labels)}
    decision = settled(comparison, rule.metric, rule, kind)
    if pooled is not None and kind == "non_inferiority" and decision.threshold is not None:
        evidence |= {"pooled": _of_windows(pooled)}
        decision = _over_windows(decision, pooled, rule)
    if comparison is None or decision.threshold is None:
        lacking = labels.lacking if comparison is None and labels else decision.reason
        reason = f"{rule.metric} cannot be compared with the {reference_kind}: {lacking}."
        return Judgement("quality", Outcome.INCONCLUSIVE, reason, evidence)
    evidence |= {"threshold": decision.threshold}
    values = (
        f"{comparison.metric} is {comparison.candidate:.4f} against {comparison.reference:.4f} "
        f"of the {reference_kind}"
    )
    if decision.outcome == "pass" and (doubt := _too_good(evidence)):
        reason = f"Too good to be true: {values}, {doubt}."
        return Judgement(
            "quality", Outcome.INCONCLUSIVE, reason, {**evidence, "too_good": True}
        )
    reason = f"{values}, {decision.reason}."
    return Judgement("quality", Outcome(decision.outcome), reason, evidence)


def _over_windows(today: Decision, pooled: PooledComparison, rule: QualityGate) -> Decision:
    if today.outcome == "fail":
        return today
    return decide_loss(pooled, Minimum(rule.confidence, rule.min_requests, rule.min_users))


def _of_windows(pooled: PooledComparison) -> dict[str, Any]:
    return {
        **figures(pooled.comparison),
        "margin": pooled.margin,
        "days": finite(pooled.days),
        "days_to_find": finite(pooled.days_to_find),
        "days_left": finite(pooled.days_left),
    }


def _too_good(evidence: dict[str, Any]) -> str | None:
    """Why a gain needs a person to vouch for it; every metric here ends at 1."""
    share, believable = evidence["share_of_the_missing"], evidence["believable"]
    if share is None or share <= believable:
        return None
    return (
        f"which is {share:.0%} of all that the reference lacks, {believable:.0%} is believed without "
        "a named person's reason: look for a column that knows the outcome"
    )


def _gained(comparison: PairedComparison) -> float | None:
    """The gain as a share of what the reference lacks to a perfect ranking."""
    # What is read back from JSON may lack any figure.
    difference, reference = finite(comparison.difference), finite(comparison.reference)
    if difference is None or reference is None or reference >= 1:
        return None
    return difference / (1 - reference)


def _evidence(
    comparison: PairedComparison | None,
    rule: QualityGate,
    reference_kind: ReferenceKind,
    kind: Rule,
) -> dict[str, Any]:
    demanded = {
        "reference_kind": reference_kind,
        "limits": rule.model_dump(mode="json"),
        "believable": rule.believable_first
        if reference_kind == "baseline"
        else rule.believable,
        **asked(kind, rule.margin),
    }
    if comparison is None:
        return {**demanded, "metric": rule.metric, "comparison": None}
    return {
        **demanded,
        **figures(comparison),
        "share_of_the_missing": _gained(comparison),
    }
