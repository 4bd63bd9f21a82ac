"""The calibration gate: what is promised is what comes, objective by objective."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry.gates.judgement import Judgement, count, finite
from sluice.gate_spec import CalibrationGate
from sluice.metrics.decision import Verdict, place
from sluice.store.records import Outcome

_ALL = "all"
_SHARES = ("ratio", "low", "high", "confidence", "normalized_entropy", "expected_error")
_COUNTS = ("positives", "users", "rows")


def judge_calibration(
    objectives: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    rule: CalibrationGate,
    *,
    family: str,
) -> Judgement:
    """Judge the interval of each objective's expected over observed positives, over all rows.

    Args:
        objectives: by objective, rows with a `name`, of which `all` counts, and its `calibration`
            (or None); empty where the family promises nothing.
        rule: the bounds, and the evidence that it takes to judge them.
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
    whole = next((row["calibration"] for row in rows if row["name"] == _ALL), None) or {}
    figures = {
        **{key: finite(whole.get(key)) for key in _SHARES},
        **{key: count(whole.get(key)) for key in _COUNTS},
    }
    outcome, reason = _settled(figures, rule)
    return {"name": name, "outcome": outcome, "reason": f"{name}: {reason}", **figures}


def _settled(figures: Mapping[str, Any], rule: CalibrationGate) -> tuple[Verdict, str]:
    ratio, low, high, confidence = (figures[key] for key in _SHARES[:4])
    if None in (ratio, low, high, confidence) or low > high:
        return "inconclusive", "there is no interval of expected over observed"
    if confidence < rule.confidence:
        return "inconclusive", f"its interval holds at {confidence:.0%} only"
    if (lacking := _lacking(figures, rule)) is not None:
        return "inconclusive", lacking
    outcome = place(low, high, rule.floor, rule.ceiling)
    where = {"pass": "all within", "fail": "none within", "inconclusive": "which straddles"}
    return outcome, (
        f"expected over observed is {ratio:.3f} ({confidence:.0%} interval {low:.3f} to {high:.3f}), "
        f"{where[outcome]} {rule.floor:g} to {rule.ceiling:g}"
    )


def _lacking(figures: Mapping[str, Any], rule: CalibrationGate) -> str | None:
    positives, users = figures["positives"] or 0, figures["users"] or 0
    if positives >= rule.min_positives and users >= rule.min_users:
        return None
    return (
        f"{positives} positives of {users} users were judged, "
        f"the rule asks {rule.min_positives} of {rule.min_users}"
    )
