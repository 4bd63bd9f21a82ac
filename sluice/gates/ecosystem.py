"""The ecosystem gate: the smaller providers keep their share of what is seen."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.gates.base import ComparedGate, Evidence, Margin
from sluice.gates.case import Case
from sluice.gates.figures import Row, shown
from sluice.gates.interval_remedy import compared_remedies
from sluice.gates.judgement import Judgement, finite
from sluice.gates.outcome import Outcome
from sluice.gates.paired import compared, comparison_in, figures, settled
from sluice.gates.scene import ReferenceKind, Scene, Scores
from sluice.mechanisms.provider_exposure import spread
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.stakeholders import SMALL, Judged
from sluice.metrics import Evaluation
from sluice.metrics.comparison import PairedComparison

MEASURE = "small_providers"
"""Exposure of the half of the providers with the fewest candidates, as a share of each request's."""
_PROVIDERS = frozenset({"providers"})
_SEED = 20_260_119


class EcosystemGate(ComparedGate):
    """What the smaller half of the providers gets of the exposure."""

    name: ClassVar[str] = "ecosystem"
    question: ClassVar[str] = "Do the smaller providers keep their share of what is seen?"
    position: ClassVar[int] = 70
    measured_as: ClassVar[str | None] = "ecosystem"

    margin: Margin = 0.05
    """Relative loss of their share that is tolerated."""

    def measure(self, scene: Scene) -> dict[str, Any]:
        candidate, reference = scene.scores["candidate"], scene.scores[scene.reference]
        return ecosystem(scene.slates(_PROVIDERS), scene.judged, candidate, reference, self)

    def judge(self, case: Case) -> Judgement:
        exposure = case.evaluation["ecosystem"]
        return self.decide(
            comparison_in(exposure),
            reference_kind="champion" if case.evaluation["champion"] else "baseline",
            gini=exposure.get("gini"),
        )

    def decide(
        self,
        comparison: PairedComparison | None,
        *,
        reference_kind: ReferenceKind,
        gini: Mapping[str, float | None] | None = None,
    ) -> Judgement:
        """Judge by non-inferiority what the smaller half of the providers gets.

        Args:
            comparison: their share under the candidate against that under the reference; None where
                the log knows no providers.
            reference_kind: whom the candidate was compared with.
            gini: of the exposure by provider, `candidate` and `reference`; for the reader, since a
                figure over all requests together has no interval.
        """
        evidence: dict[str, Any] = {
            "reference_kind": reference_kind,
            "limits": self.model_dump(mode="json"),
            "gini": {name: finite(value) for name, value in (gini or {}).items()},
            **({} if comparison is None else figures(comparison)),
        }
        decision = settled(comparison, MEASURE, self, "non_inferiority")
        if comparison is None or decision.threshold is None:
            reason = decision.reason if comparison else "the log knows too few providers"
            reason = f"What providers get cannot be compared with the {reference_kind}: {reason}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        reason = (
            f"The smaller half of the providers gets {comparison.candidate:.1%} of what is seen, "
            f"{comparison.reference:.1%} under the {reference_kind}: {decision.reason}."
        )
        evidence["threshold"] = finite(decision.threshold)
        return Judgement(self.name, Outcome(decision.outcome), reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [
            (f"Gini of exposure, {who}", shown(value))
            for who, value in evidence.get("gini", {}).items()
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        if evidence.get("metric") is None:
            return ["items of two providers at least, as the log knows them"]
        return compared_remedies(evidence)


def ecosystem(
    slates: Slates,
    judged: RankingFrame,
    candidate: Scores,
    reference: Scores,
    rule: EcosystemGate,
) -> dict[str, Any]:
    """What the smaller half of the providers gets, and Gini over all of them, under both orders."""
    seen = Judged(slates, judged)
    if slates.providers is None or int(seen.providers[1] * SMALL) == 0:
        return {"comparison": None, "gini": {}}
    orders = [shown_order(seen, scores) for scores in (candidate, reference)]
    ours, theirs = (_small_share(seen, order) for order in orders)
    spreads = spread(
        seen, orders, floor=0.5, resamples=1, rng=np.random.default_rng(_SEED)
    ).figures
    return {
        "comparison": compared(ours, theirs, judged, MEASURE, rule.confidence),
        "gini": {"candidate": float(spreads[0, 0]), "reference": float(spreads[1, 0])},
    }


def shown_order(seen: Judged, scores: Scores) -> NDArray[np.int64]:
    """Rows of all requests from their top slots down; ties by item id, as the server breaks them."""
    return np.lexsort((seen.slates.item_ids, -scores, seen.request))


def _small_share(seen: Judged, order: NDArray[np.int64]) -> Evaluation:
    exposure = seen.exposure(seen.ranks(order))
    requests = seen.slates.requests
    total = np.bincount(seen.request, weights=exposure, minlength=requests)
    small = np.bincount(seen.request, weights=exposure * seen.small, minlength=requests)
    share = np.divide(small, total, out=np.full(requests, np.nan), where=total > 0)
    return Evaluation({MEASURE: share}, requests, int(np.isnan(share).sum()))
