"""The calibration gate: what is promised is what comes, objective by objective."""

from collections.abc import Mapping, Sequence
from typing import Any

from sluice.gate_spec import CalibrationGate
from sluice.metrics.calibration_slices import ALL
from sluice.metrics.decision import Verdict
from sluice.registry.gates.judgement import Judgement, count, finite
from sluice.store.records import Outcome

_SHARES = ("ratio", "low", "high", "confidence", "normalized_entropy", "expected_error")
_COUNTS = ("positives", "users", "rows")


def judge_calibration(
    objectives: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    rule: CalibrationGate,
    *,
    family: str,
) -> Judgement:
    """Judge each objective's expected over observed positives, over all rows.

    What was decided where they were measured counts, so that the page and the gate say the same.

    Args:
        objectives: by objective, rows with a `name`, of which `all` counts, its `calibration` (or
            None) and its `decision`, as `sluice.metrics.calibrations` writes them; empty where the
            family promises nothing.
        rule: the bounds, and the evidence that it takes, by which the rows were decided.
        family: of the ranker, for the reason.
    """
    found = [_objective(name, rows, rule) for name, rows in (objectives or {}).items()]
    evidence = {"limits": rule.model_dump(mode="json"), "objectives": found}
    if not found:
        reason = (
            f"{family} gives no calibrated probability, so there is nothing to hold against what came; "
            "declare a family of objectives, or leave this gate out."
        )
        return Judgement("calibration", Outcome.INCONCLUSIVE, reason, evidence)
    outcomes = {each["outcome"] for each in found}
    for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        if outcome in outcomes:
            reasons = [each["reason"] for each in found if each["outcome"] == outcome]
            return Judgement("calibration", outcome, f"{'; '.join(reasons)}.", evidence)
    reason = f"{'; '.join(each['reason'] for each in found)}."
    return Judgement("calibration", Outcome.PASS, reason, evidence)


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
