"""The ecosystem gate: the smaller providers keep their share of what is seen."""

from collections.abc import Mapping
from typing import Any

from sluice.gate_spec import EcosystemGate
from sluice.metrics.comparison import PairedComparison
from sluice.registry.gates.judgement import Judgement, finite
from sluice.registry.gates.paired import figures, settled
from sluice.registry.gates.quality import ReferenceKind
from sluice.store.records import Outcome

MEASURE = "small_providers"
"""Exposure of the half of the providers with the fewest candidates, as a share of each request's."""


def judge_ecosystem(
    comparison: PairedComparison | None,
    rule: EcosystemGate,
    *,
    reference_kind: ReferenceKind,
    gini: Mapping[str, float | None] | None = None,
) -> Judgement:
    """Judge by non-inferiority what the smaller half of the providers gets.

    Args:
        comparison: their share under the candidate against that under the reference; None where
            the log knows no providers.
        rule: what the surface asks.
        reference_kind: whom the candidate was compared with.
        gini: of the exposure by provider, `candidate` and `reference`; for the reader, since a
            figure over all requests together has no interval.
    """
    evidence: dict[str, Any] = {
        "reference_kind": reference_kind,
        "limits": rule.model_dump(mode="json"),
        "gini": {name: finite(value) for name, value in (gini or {}).items()},
        **({} if comparison is None else figures(comparison)),
    }
    decision = settled(comparison, MEASURE, rule, "non_inferiority")
    if comparison is None or decision.threshold is None:
        known = decision.reason if comparison else "the log knows too few providers"
        reason = (
            f"What providers get cannot be compared with the {reference_kind}: {known}."
        )
        return Judgement("ecosystem", Outcome.INCONCLUSIVE, reason, evidence)
    reason = (
        f"The smaller half of the providers gets {comparison.candidate:.1%} of what is seen, "
        f"{comparison.reference:.1%} under the {reference_kind}: {decision.reason}."
    )
    evidence["threshold"] = finite(decision.threshold)
    return Judgement("ecosystem", Outcome(decision.outcome), reason, evidence)
