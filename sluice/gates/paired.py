"""What the gates that hold a paired comparison against a margin have in common."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.gates.judgement import finite
from sluice.metrics import Evaluation, compare
from sluice.metrics.comparison import RESAMPLES, PairedComparison
from sluice.metrics.decision import Decision, Minimum, Rule, decide

_SEED = 20_260_119


class Compared(Protocol):
    """What a gate asks of a paired comparison."""

    @property
    def margin(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def min_requests(self) -> int: ...
    @property
    def min_users(self) -> int: ...


def compared(
    ours: Evaluation,
    theirs: Evaluation,
    judged: RankingFrame,
    metric: str,
    confidence: float,
) -> dict[str, Any] | None:
    """The paired comparison as a JSON document; None of too few users."""
    rng = np.random.default_rng(_SEED)
    try:
        comparison = compare(
            ours, theirs, judged.users, metric,
            confidence=confidence, resamples=RESAMPLES, rng=rng,
        )  # fmt: skip
    except TooLittleData:
        # One user gives no interval: the gate says that there was no comparison.
        return None
    return asdict(comparison)


def comparison_in(measured: Mapping[str, Any]) -> PairedComparison | None:
    """The comparison of a measurement, read back from JSON; None where there was none."""
    row = measured.get("comparison")
    return None if row is None else PairedComparison(**row)


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
