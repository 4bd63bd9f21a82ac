"""The freshness gate: what the candidate knows is of now, not of last month."""

from datetime import datetime

from sluice.data.durations import parse_duration
from sluice.gate_spec import FreshnessGate
from sluice.registry.gates.judgement import Judgement
from sluice.store.records import Outcome


def judge_freshness(
    *,
    newest: datetime | None,
    clock: datetime | None,
    at: datetime,
    rule: FreshnessGate,
) -> Judgement:
    """Judge the age of what was learned from, and of what will be served from.

    Args:
        newest: exposure of the snapshot; None where it has none.
        clock: of the feature state, its newest counted event; None where it counted nothing.
        at: when the candidate is judged.
        rule: what the surface asks.
    """
    known = {"newest exposure": newest, "feature state": clock}
    ages = {name: at - moment for name, moment in known.items() if moment is not None}
    evidence = {
        "limits": rule.model_dump(mode="json"),
        "at": at.isoformat(),
        "newest": newest.isoformat() if newest else None,
        "clock": clock.isoformat() if clock else None,
        "age_s": {name: age.total_seconds() for name, age in ages.items()},
    }
    limit = parse_duration(rule.max_age)
    told = ", ".join(
        f"the {name} is {_told(age.total_seconds())} old" for name, age in ages.items()
    )
    if stale := [name for name, age in ages.items() if age > limit]:
        reason = f"Stale: {told}, {rule.max_age} is allowed; too old: {', '.join(stale)}."
        return Judgement("freshness", Outcome.FAIL, reason, evidence)
    if absent := [name for name, moment in known.items() if moment is None]:
        reason = f"Nobody knows how old it is: there is no {', no '.join(absent)}."
        return Judgement("freshness", Outcome.INCONCLUSIVE, reason, evidence)
    if ahead := [name for name, age in ages.items() if age.total_seconds() < 0]:
        reason = f"Clocks disagree: the {', the '.join(ahead)} lies after {at.isoformat()}."
        return Judgement("freshness", Outcome.INCONCLUSIVE, reason, evidence)
    reason = f"Fresh: {told}, {rule.max_age} is allowed."
    return Judgement("freshness", Outcome.PASS, reason, evidence)


def _told(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
