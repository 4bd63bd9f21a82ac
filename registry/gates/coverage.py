"""The coverage gate: what the candidate learned to read is there where it is asked."""

from collections.abc import Mapping
from typing import Any

from sluice.gate_spec import CoverageGate
from sluice.registry.gates.judgement import Judgement, count, finite
from sluice.store.records import Outcome

_SHOWN = 8


def judge_coverage(found: Mapping[str, Any] | None, rule: CoverageGate) -> Judgement:
    """Judge every feature's share of known values, judged rows against fitted ones.

    Relative, because a value may be unknown by right: a new person has no last click. A feature
    that was known while fitting and is not while serving is what offline figures do not show.
    One that was never known in fitting has taught the candidate nothing and cannot go missing.

    Args:
        found: `features` (by name, the known share `fitted` and `judged`), `fitted_rows`,
            `judged_rows` and `complete`, the share of judged rows that know every feature.
        rule: what the surface asks.
    """
    given = found or {}
    rows = {name: count(given.get(name)) for name in ("fitted_rows", "judged_rows")}
    features = {name: _shares(each) for name, each in given.get("features", {}).items()}
    evidence = {
        "limits": rule.model_dump(mode="json"),
        **rows,
        "complete": finite(given.get("complete")),
        "features": features,
    }
    if lacking := _lacking(rows, features, rule):
        reason = f"Nothing is known about coverage: {lacking}."
        return Judgement("coverage", Outcome.INCONCLUSIVE, reason, evidence)
    gone = [
        f"{name} ({fitted:.1%} to {judged:.1%})"
        for name, (fitted, judged) in _known(features).items()
        if judged < rule.min_share * fitted
    ]
    evidence["gone"] = gone
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        reason = (
            f"{len(gone)} of {len(features)} features are known for less than {rule.min_share:.0%} of "
            f"what they were fitted on: {', '.join(gone[:_SHOWN])}{more}."
        )
        return Judgement("coverage", Outcome.FAIL, reason, evidence)
    reason = (
        f"All {len(features)} features are as known as where they were fitted "
        f"({rule.min_share:.0%} of it or more, over {rows['judged_rows']:,} rows)."
    )
    return Judgement("coverage", Outcome.PASS, reason, evidence)


def _shares(each: Mapping[str, Any]) -> dict[str, float | None]:
    return {part: finite(each.get(part)) for part in ("fitted", "judged")}


def _known(
    features: Mapping[str, Mapping[str, float | None]],
) -> dict[str, tuple[float, float]]:
    return {
        name: (each["fitted"] or 0.0, each["judged"] or 0.0)
        for name, each in features.items()
    }


def _lacking(
    rows: Mapping[str, Any], features: Mapping[str, Mapping[str, Any]], rule: CoverageGate
) -> str | None:
    for part, many in rows.items():
        if (many or 0) < rule.min_rows:
            name = part.replace("_", " ")
            return f"there are {many or 0} {name}, the rule asks {rule.min_rows}"
    if not features:
        return "no feature was looked at"
    unknown = [name for name, each in features.items() if None in each.values()]
    return f"no share for {', '.join(unknown[:_SHOWN])}" if unknown else None
