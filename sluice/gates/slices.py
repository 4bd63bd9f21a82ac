"""The slices gate: nobody is worse off than the margin allows, whatever the mean says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from sluice.features.state.frame import RankingFrame
from sluice.gates.base import ComparedGate, Evidence, Margin
from sluice.gates.case import Case
from sluice.gates.declared import Declared
from sluice.gates.figures import Row, interval
from sluice.gates.interval_remedy import interval_remedy, too_few
from sluice.gates.judgement import Judgement, finite
from sluice.gates.outcome import Outcome
from sluice.gates.quality import QualityGate
from sluice.gates.request_labels import request_labels
from sluice.gates.scene import Scene
from sluice.metrics import Evaluation, Minimum, SliceRule, compare_slices, pair

Dimension = Literal["hour", "activity", "candidates"]
_SEED = 20_260_112
_SHOWN = 5
_FIGURES = (
    "difference", "low", "high", "reference", "confidence", "requests", "clusters",
    "minimum_detectable",
)  # fmt: skip


class SliceGate(ComparedGate):
    """The quality gate's comparison within every slice of the requests."""

    name: ClassVar[str] = "slices"
    question: ClassVar[str] = "Is nobody worse off, whatever the mean says?"
    position: ClassVar[int] = 40
    laxest_tier: ClassVar = "critical"
    measured_as: ClassVar[str | None] = "slices"
    always_measured: ClassVar[bool] = True
    not_plain: ClassVar[frozenset[str]] = frozenset({"slices"})

    margin: Margin = 0.05
    """Relative loss that is tolerated in a slice, of its own reference mean."""
    dimensions: tuple[Dimension, ...] = Field(
        default=("hour", "activity", "candidates"), min_length=1, strict=False
    )
    min_requests: int = Field(default=100, ge=1)
    min_users: int = Field(default=30, ge=2)

    def measure(self, scene: Scene) -> dict[str, Any]:
        candidate, reference = scene.results["candidate"], scene.results[scene.reference]
        return slices(candidate, reference, scene.judged, scene.gates)

    def judge(self, case: Case) -> Judgement:
        return self.decide(case.evaluation["slices"])

    def decide(self, report: Mapping[str, Any] | None) -> Judgement:
        """Judge the quality comparison within every slice; see `sluice.metrics.slices`.

        Every slice has to pass by itself. One that fails does so after Holm's adjustment over all of
        them; one too thin to say, or a declared dimension without any slice, leaves the gate open.

        Args:
            report: `metric`, and of each of its `slices` the name, comparison, adjusted p-value and
                decision, as `dataclasses.asdict` writes them; None where nothing was sliced.
        """
        slices = [_row(row) for row in (report or {}).get("slices", ())]
        evidence = {"limits": self.model_dump(mode="json"), "slices": slices}
        failed = _named(slices, "fail")
        unknown = [*_absent(slices, self), *_undecided(slices)]
        if failed:
            reason = f"{len(failed)} of {len(slices)} slices lost more than {self.margin:.1%}: {_some(failed)}."
            return Judgement(self.name, Outcome.FAIL, reason, evidence)
        if unknown:
            reason = f"Not every slice can be told: {_some(unknown)}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        worst = min(slices, key=lambda row: row["low"])
        reason = (
            f"None of {len(slices)} slices lost more than {self.margin:.1%}; "
            f"the least sure is {worst['name']} ({worst['low']:+.4f} to {worst['high']:+.4f})."
        )
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [
            (row["name"], f"{row['outcome']}, {interval(row)}")
            for row in evidence.get("slices", ())
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        held = [row for row in evidence.get("slices", ()) if row["outcome"] != "pass"]
        lines = []
        for row in held:
            short, thin = interval_remedy(row), too_few(row, evidence["limits"])
            parts = [*([short] if short else []), *thin]
            lines.append(f"{row['name']}: {'; '.join(parts) or row['reason']}")
        return lines or ["a slice of requests in every declared dimension"]


def slices(
    candidate: Evaluation, reference: Evaluation, judged: RankingFrame, gates: Declared
) -> dict[str, Any]:
    """The quality gate's comparison within each declared slice, as a JSON document."""
    rule, metric = gates.of(SliceGate), gates.of(QualityGate).metric
    minimum = Minimum(rule.confidence, rule.min_requests, rule.min_users)
    labels = request_labels(judged)
    report = compare_slices(
        pair(candidate, reference, judged.users, metric),
        {dimension: labels[dimension] for dimension in rule.dimensions},
        SliceRule(rule.margin, minimum),
        rng=np.random.default_rng(_SEED),
    )
    return {
        "metric": metric,
        "worst": report.worst.name if report.worst else None,
        "slices": [asdict(row) for row in report.slices],
    }


def _row(measured: Mapping[str, Any]) -> dict[str, Any]:
    comparison = measured["comparison"] or {}
    decision = measured["decision"]
    return {
        "name": measured["name"],
        "outcome": decision["outcome"],
        "reason": decision["reason"],
        "threshold": finite(decision["threshold"]),
        "adjusted": finite(measured["adjusted"]),
        **{name: finite(comparison.get(name)) for name in _FIGURES},
    }


def _named(slices: Sequence[Mapping[str, Any]], outcome: str) -> list[str]:
    return [
        f"{row['name']}: {row['reason']}" for row in slices if row["outcome"] == outcome
    ]


def _absent(slices: Sequence[Mapping[str, Any]], rule: SliceGate) -> list[str]:
    """Declared dimensions that nothing was sliced by."""
    present = {row["name"].partition("=")[0] for row in slices}
    return [f"no slice by {name}" for name in rule.dimensions if name not in present]


def _undecided(slices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Slices that are open, and those that are said to have passed without a figure for it."""
    unknown = [
        f"{row['name']}: no interval"
        for row in slices
        if row["outcome"] == "pass" and (row["low"] is None or row["high"] is None)
    ]
    return unknown + _named(slices, "inconclusive")


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return "; ".join(texts[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
