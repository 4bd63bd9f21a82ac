"""What the gates that hold a paired comparison against a margin have in common."""

from dataclasses import asdict
from typing import Any

from sluice.gate_spec import ChurnGate, EcosystemGate, QualityGate, SliceGate
from sluice.metrics.comparison import PairedComparison
from sluice.metrics.decision import Decision, Minimum, Rule, decide
from sluice.registry.gates.judgement import finite

Compared = QualityGate | SliceGate | ChurnGate | EcosystemGate


def figures(comparison: PairedComparison) -> dict[str, str | float | None]:
    """Its fields for a JSON document: what is not finite stands as None."""
    return {key: _plain(value) for key, value in asdict(comparison).items()}


def settled(
    comparison: PairedComparison | None, metric: str, gate: Compared, rule: Rule
) -> Decision:
    """The whole interval's word; no comparison, or one of another metric, has none."""
    if comparison is None:
        return Decision("inconclusive", "no comparison was made")
    if comparison.metric != metric:
        return Decision("inconclusive", f"the comparison is of {comparison.metric}")
    minimum = Minimum(gate.confidence, gate.min_requests, gate.min_users)
    return decide(comparison, rule, gate.margin, minimum)


def asked(rule: Rule, margin: float) -> dict[str, Any]:
    """The rule, for the evidence; superiority knows no margin."""
    return {"rule": rule, "margin": 0.0 if rule == "superiority" else margin}


def _plain(value: str | float | None) -> str | float | None:
    return value if isinstance(value, str) else finite(value)
