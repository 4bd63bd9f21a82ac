"""The churn gate: people see no more change than refits of one configuration would make."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from sluice.features.state.frame import RankingFrame
from sluice.gates.base import ComparedGate, Evidence, Margin
from sluice.gates.case import Case
from sluice.gates.interval_remedy import compared_remedies
from sluice.gates.judgement import Judgement, count, finite
from sluice.gates.outcome import Outcome
from sluice.gates.paired import compared, comparison_in, figures, settled
from sluice.gates.scene import Scene, Scores
from sluice.metrics import likeness, noise_floor
from sluice.metrics.comparison import PairedComparison


class ChurnGate(ComparedGate):
    """How much of what people see changes, beyond what refits of one configuration change."""

    name: ClassVar[str] = "churn"
    question: ClassVar[str] = "Do people see no more change than a refit would bring?"
    position: ClassVar[int] = 60
    laxest_tier: ClassVar = "critical"
    measured_as: ClassVar[str | None] = "stability"

    k: int = Field(default=5, ge=1)
    """Slots that are looked at; requests with no more candidates than that say nothing."""
    margin: Margin = 0.1
    """Relative loss of overlap, against that between refits, that is tolerated."""
    retrains: int = Field(default=2, ge=2, le=20)
    """Refits of the candidate's configuration, each on another draw of the people it learned from."""

    @property
    def refits(self) -> int:
        return self.retrains

    def measure(self, scene: Scene) -> dict[str, Any]:
        if scene.reference == "baseline":
            return {}
        return stability(
            scene.scores["candidate"],
            scene.scores["champion"],
            scene.refits(),
            scene.judged,
            self,
        )

    def judge(self, case: Case) -> Judgement:
        overlap = case.evaluation["stability"]
        return self.decide(
            comparison_in(overlap),
            champion=case.evaluation["champion"] is not None,
            pairs=overlap.get("pairs"),
            requests=overlap.get("requests"),
        )

    def decide(
        self,
        comparison: PairedComparison | None,
        *,
        champion: bool,
        pairs: int | None,
        requests: int | None,
    ) -> Judgement:
        """Judge the overlap of candidate and champion against that of refits, on the same requests.

        Without a champion it passes: that nothing serves is known, not missing, so nothing that anybody
        sees now can change; and promotion holds the version if a champion stands there by then. With
        one, a missing figure is inconclusive as everywhere.

        Args:
            comparison: overlap@k between candidate and champion, against its mean between refits.
            champion: whether the surface had one when the candidate was judged.
            pairs: of refits that the noise floor is a mean of.
            requests: judged requests with more than k candidates; the others always overlap.
        """
        evidence = {
            "limits": self.model_dump(mode="json"),
            "champion": champion,
            "pairs": count(pairs),
            "requests_with_a_choice": count(requests),
            **({} if comparison is None else figures(comparison)),
        }
        if not champion:
            reason = (
                "There is no champion yet, so nothing that anybody sees now can change."
            )
            return Judgement(self.name, Outcome.PASS, reason, evidence)
        if lacking := _lacking(evidence, self):
            reason = f"Churn cannot be told from noise: {lacking}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        decision = settled(comparison, f"overlap@{self.k}", self, "non_inferiority")
        if comparison is None or decision.threshold is None:
            reason = f"Churn cannot be told from noise: {decision.reason}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        reason = (
            f"{comparison.candidate:.1%} of the first {self.k} are the champion's, where "
            f"{comparison.reference:.1%} are shared by refits of one configuration: {decision.reason}."
        )
        evidence["threshold"] = finite(decision.threshold)
        return Judgement(self.name, Outcome(decision.outcome), reason, evidence)

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        if not evidence.get("pairs"):
            return ["two refits of the configuration at least, for the noise floor"]
        limits, choices = evidence["limits"], evidence.get("requests_with_a_choice") or 0
        if choices < limits["min_requests"]:
            return [
                f"{limits['min_requests']:,} judged requests with more than {limits['k']} candidates, "
                f"where there are {choices:,}, or a smaller k"
            ]
        return compared_remedies(evidence)


def stability(
    candidate: Scores,
    champion: Scores,
    refits: Sequence[Scores],
    judged: RankingFrame,
    rule: ChurnGate,
) -> dict[str, Any]:
    """Overlap of candidate and champion against that of each two refits, as a JSON document.

    Args:
        candidate: scores of the judged rows, [rows], as all that follow.
        champion: of what serves.
        refits: of the candidate's configuration; see `sluice.flows.refits`.
        judged: the requests.
        rule: how many slots are looked at.
    """
    pairs = [likeness(a, b, judged, k=rule.k) for a, b in combinations(refits, 2)]
    choices = int((np.diff(judged.offsets) > rule.k).sum())
    overlap: dict[str, Any] = {"pairs": len(pairs), "requests": choices, "comparison": None}
    if not pairs:
        return overlap
    measured = likeness(candidate, champion, judged, k=rule.k)
    return overlap | {
        "comparison": compared(
            measured, noise_floor(pairs), judged, f"overlap@{rule.k}", rule.confidence
        )
    }


def _lacking(evidence: Mapping[str, Any], rule: ChurnGate) -> str | None:
    if not evidence["pairs"]:
        return "no refits of the configuration were compared"
    requests = evidence["requests_with_a_choice"]
    if (requests or 0) < rule.min_requests:
        return (
            f"{requests} judged requests had more than {rule.k} candidates, "
            f"the rule asks {rule.min_requests}"
        )
    return None
