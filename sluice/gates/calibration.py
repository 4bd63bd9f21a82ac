"""The calibration gate: what is promised is what comes, objective by objective."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from sluice.features.state.frame import RankingFrame
from sluice.gates.base import Confidence, Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.figures import Row, shown
from sluice.gates.judgement import Judgement, count, finite
from sluice.gates.outcome import Outcome
from sluice.gates.request_labels import request_labels
from sluice.gates.scene import Scene
from sluice.metrics import CalibrationRule, calibrations, predictions_of
from sluice.metrics.calibration_slices import ALL
from sluice.metrics.decision import Verdict
from sluice.metrics.predictions import Predictions
from sluice.rankers import Ranker
from sluice.rankers.multitask import Multitask

_SEED = 20_260_112
_SHARES = ("ratio", "low", "high", "confidence", "normalized_entropy", "expected_error")
_COUNTS = ("positives", "users", "rows")
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CalibrationGate(Gate):
    """Expected over observed positives of every objective."""

    name: ClassVar[str] = "calibration"
    question: ClassVar[str] = "Does what it promises come?"
    position: ClassVar[int] = 50
    measured_as: ClassVar[str | None] = "calibration"
    always_measured: ClassVar[bool] = True
    not_plain: ClassVar[frozenset[str]] = frozenset({"objectives"})

    floor: Ratio = 0.9
    ceiling: Ratio = 1.1
    confidence: Confidence = 0.95
    min_positives: int = Field(default=200, ge=1)
    min_users: int = Field(default=50, ge=2)

    @model_validator(mode="after")
    def _one_lies_between(self) -> "CalibrationGate":
        if not self.floor < 1 < self.ceiling:
            raise ValueError(
                f"floor {self.floor:g} and ceiling {self.ceiling:g} do not have 1 between them"
            )
        return self

    def measure(self, scene: Scene) -> dict[str, list[dict[str, Any]]]:
        """Predicted against observed rates of each objective, overall and by slice; none without heads."""
        sizes = np.diff(scene.judged.offsets)
        labels = {
            name: np.repeat(values, sizes)
            for name, values in request_labels(scene.judged).items()
        }
        rule = calibration_rule(self)
        return {
            name: [
                asdict(row)
                for row in calibrations(
                    predictions, labels, rule, rng=np.random.default_rng(_SEED)
                )
            ]
            for name, predictions in promised(scene.candidate, scene.judged)
        }

    def judge(self, case: Case) -> Judgement:
        return self.decide(case.evaluation["calibration"], family=case.family)

    def decide(
        self, objectives: Mapping[str, Sequence[Mapping[str, Any]]] | None, *, family: str
    ) -> Judgement:
        """Judge each objective's expected over observed positives, over all rows.

        What was decided where they were measured counts, so that the page and the gate say the same.

        Args:
            objectives: by objective, rows with a `name`, of which `all` counts, its `calibration` (or
                None) and its `decision`, as `sluice.metrics.calibrations` writes them; empty where the
                family promises nothing.
            family: of the ranker, for the reason.
        """
        rows = [_objective(name, rows, self) for name, rows in (objectives or {}).items()]
        evidence = {"limits": self.model_dump(mode="json"), "objectives": rows}
        if not rows:
            reason = (
                f"{family} gives no calibrated probability, so there is nothing to hold against what came; "
                "declare a family of objectives, or leave this gate out."
            )
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        outcomes = {row["outcome"] for row in rows}
        for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
            if outcome in outcomes:
                reasons = [row["reason"] for row in rows if row["outcome"] == outcome]
                return Judgement(self.name, outcome, f"{'; '.join(reasons)}.", evidence)
        reason = f"{'; '.join(row['reason'] for row in rows)}."
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [
            (
                row["name"],
                f"{row['outcome']}, expected over observed {shown(row['ratio'])} "
                f"({shown(row['low'])} to {shown(row['high'])})",
            )
            for row in evidence.get("objectives", ())
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        lines = [
            _better_ratio(row, evidence["limits"])
            for row in evidence.get("objectives", ())
            if row["outcome"] != "pass"
        ]
        return lines or [
            "a family whose objectives are calibrated probabilities, such as multitask"
        ]


def calibration_rule(gate: CalibrationGate) -> CalibrationRule:
    """What the gate asks, as the rule by which rows are decided."""
    return CalibrationRule(
        gate.floor, gate.ceiling, gate.min_positives, gate.min_users, gate.confidence
    )


def promised(candidate: Ranker, judged: RankingFrame) -> Iterator[tuple[str, Predictions]]:
    """Each objective's probabilities with what came of them; none of a family without heads."""
    if not isinstance(candidate, Multitask):
        return
    probabilities = candidate.objectives(judged.features)
    for objective in candidate.parameters.objectives:
        happened = objective.outcomes(judged).astype(np.float64)
        yield (
            objective.name,
            predictions_of(probabilities[objective.name], judged, happened),
        )


def _objective(
    name: str, rows: Sequence[Mapping[str, Any]], rule: CalibrationGate
) -> dict[str, Any]:
    row = next((row for row in rows if row["name"] == ALL), {})
    whole = row.get("calibration") or {}
    figures = {
        **{key: finite(whole.get(key)) for key in _SHARES},
        **{key: count(whole.get(key)) for key in _COUNTS},
    }
    outcome, reason = _read(row.get("decision") or {}, figures, rule)
    return {"name": name, "outcome": outcome, "reason": f"{name}: {reason}", **figures}


def _read(
    decision: Mapping[str, Any], figures: Mapping[str, Any], rule: CalibrationGate
) -> tuple[Verdict, str]:
    """The decision that stands beside the figures, where there are figures that it can rest on."""
    ratio, low, high, confidence = (figures[key] for key in _SHARES[:4])
    unknown = None in (ratio, low, high, confidence) or low > high
    if unknown and decision.get("outcome") == "inconclusive":
        return "inconclusive", decision["reason"]
    if unknown or "outcome" not in decision:
        return "inconclusive", "there is no interval of expected over observed"
    if confidence < rule.confidence:
        return "inconclusive", f"its interval holds at {confidence:.0%} only"
    return decision["outcome"], decision["reason"]


def _better_ratio(row: Evidence, limits: Evidence) -> str:
    name, positives = row["name"], row["positives"]
    if None in (row["ratio"], row["low"], row["high"], positives):
        return (
            f"{name}: judged rows with positives, for an interval of expected over observed"
        )
    if positives < limits["min_positives"] or row["users"] < limits["min_users"]:
        return (
            f"{name}: {limits['min_positives']:,} judged positives of {limits['min_users']:,} users, "
            f"where there are {positives:,} of {row['users']:,}"
        )
    bounds = f"{limits['floor']:g} to {limits['ceiling']:g}"
    bounds_text = f"{name}: the interval {row['low']:.3f} to {row['high']:.3f} must lie within {bounds}"
    if row["outcome"] == "fail" and row["ratio"]:
        return f"{bounds_text}; what it promises is {row['ratio']:.3f} times what comes: calibrate it anew"
    return f"{bounds_text}; it is narrower with more positives than the {positives:,} there are"
