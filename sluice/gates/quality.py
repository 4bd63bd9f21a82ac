"""The quality gate: candidate against champion or baseline on the same requests."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from sluice.gates.base import ComparedGate, Evidence, Margin
from sluice.gates.case import Case
from sluice.gates.interval_remedy import compared_remedies
from sluice.gates.judgement import Judgement, finite
from sluice.gates.outcome import Outcome
from sluice.gates.paired import asked, figures, settled
from sluice.gates.scene import ReferenceKind
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.decision import Decision, Minimum, Rule
from sluice.metrics.pooled import PooledComparison, decide_loss

Metric = Literal["auc", "mrr", "ndcg@5", "ndcg@10", "recall@5", "recall@10"]


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


class QualityGate(ComparedGate):
    """Candidate against the champion, or against the baseline for a surface's first."""

    name: ClassVar[str] = "quality"
    question: ClassVar[str] = "Does it rank well enough to replace what serves now?"
    position: ClassVar[int] = 30
    laxest_tier: ClassVar = "standard"

    metric: Metric = "ndcg@10"
    rule: Literal["superiority", "non_inferiority", "equivalence"] = "non_inferiority"
    margin: Margin = 0.002
    """Relative difference that is tolerated: a loss, or for equivalence one either way; 0.002 = 0.2 %."""
    believable: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.25
    """Gain over the champion, as a share of what it lacks to a perfect ranking, beyond which a person
    has to say why it is none too good to be true."""
    believable_first: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """The same of a surface's first candidate, over the baseline."""

    @model_validator(mode="after")
    def _equivalence_has_a_margin(self) -> "QualityGate":
        if self.rule == "equivalence" and not self.margin:
            raise ValueError("equivalence within a margin of 0 can never be shown")
        return self

    def judge(self, case: Case) -> Judgement:
        measured = case.evaluation
        # Where a baseline serves, a candidate has to be better than it, as a surface's first one.
        against: ReferenceKind = (
            "champion" if measured["champion"] and not case.baseline_serves else "baseline"
        )
        rows = [PairedComparison(**row) for row in measured["comparisons"][against]]
        return self.decide(
            next((row for row in rows if row.metric == self.metric), None),
            reference_kind=against,
            labels=Labels(**measured["labels"]),
            pooled=pooled_of(measured),
        )

    def decide(
        self,
        comparison: PairedComparison | None,
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
        kind: Rule = "superiority" if reference_kind == "baseline" else self.rule
        evidence = _evidence(comparison, self, reference_kind, kind)
        if labels is not None:
            evidence |= {"labels": asdict(labels)}
        decision = settled(comparison, self.metric, self, kind)
        if (
            pooled is not None
            and kind == "non_inferiority"
            and decision.threshold is not None
        ):
            evidence |= {"pooled": _of_windows(pooled)}
            decision = _over_windows(decision, pooled, self)
        if comparison is None or decision.threshold is None:
            lacking = labels.lacking if comparison is None and labels else decision.reason
            reason = (
                f"{self.metric} cannot be compared with the {reference_kind}: {lacking}."
            )
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        evidence |= {"threshold": decision.threshold}
        values = (
            f"{comparison.metric} is {comparison.candidate:.4f} against {comparison.reference:.4f} "
            f"of the {reference_kind}"
        )
        if decision.outcome == "pass" and (doubt := _too_good(evidence)):
            reason = f"Too good to be true: {values}, {doubt}."
            return Judgement(
                self.name, Outcome.INCONCLUSIVE, reason, {**evidence, "too_good": True}
            )
        reason = f"{values}, {decision.reason}."
        return Judgement(self.name, Outcome(decision.outcome), reason, evidence)

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        if evidence.get("too_good"):
            return [
                f"a gain of at most {evidence['believable']:.0%} of what the reference lacks, or a reviewer who "
                "says why it is none of a leak: sluice gates waive"
            ]
        labels = evidence.get("labels")
        if labels and evidence.get("difference") is None:
            return [
                f"judged requests with a {labels['kind']}, where {labels['labelled']:,} of {labels['judged']:,} "
                f"have one and the last came at {labels['last'] or 'no time'}: ingest what has come since, and "
                "run the lifecycle again"
            ]
        if evidence.get("pooled"):
            return [_in_days(evidence["pooled"])]
        return compared_remedies(evidence)


def pooled_of(evaluation: Mapping[str, Any]) -> PooledComparison | None:
    """The windows together, of an evaluation that has them; None of one from before they were pooled."""
    pooled = evaluation.get("pooled", {}).get("pooled")
    if pooled is None:
        return None
    comparison = PairedComparison(**pooled["comparison"])
    return PooledComparison(**{**pooled, "comparison": comparison})


def _in_days(pooled: Evidence) -> str:
    """What more traffic would say of a configuration that is judged over its windows together."""
    left, lost = pooled["days_left"], f"{pooled['margin']:.1%}"
    if left is None:
        return f"another configuration: no traffic shows whether this one loses {lost}"
    if not left:
        return (
            f"another configuration: over {pooled['days']:.1f} days this one lost, by {pooled['low']:+.4f} "
            f"to {pooled['high']:+.4f}"
        )
    return (
        f"traffic of {ceil(left)} more days like these: run the lifecycle on each, and its window is judged "
        f"with those before it until a loss of {lost} is shown or ruled out"
    )


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
