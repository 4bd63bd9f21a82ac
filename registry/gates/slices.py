"""The slices gate: nobody is worse off than the margin allows, whatever the mean says."""

from collections.abc import Mapping, Sequence
from typing import Any

from sluice.gate_spec import SliceGate
from sluice.registry.gates.judgement import Judgement, finite
from sluice.store.records import Outcome

_SHOWN = 5
_FIGURES = (
    "difference", "low", "high", "reference", "confidence", "requests", "clusters",
    "minimum_detectable",
)  # fmt: skip


def judge_slices(report: Mapping[str, Any] | None, rule: SliceGate) -> Judgement:
    """Judge the quality comparison within every slice; see `sluice.metrics.slices`.

    Every slice has to pass by itself. One that fails does so after Holm's adjustment over all of
    them; one too thin to say, or a declared dimension without any slice, leaves the gate open.

    Args:
        report: `metric`, and of each of its `slices` the name, comparison, adjusted p-value and
            decision, as `dataclasses.asdict` writes them; None where nothing was sliced.
        rule: what the surface asks.
    """
    slices = [_row(each) for each in (report or {}).get("slices", ())]
    evidence = {"limits": rule.model_dump(mode="json"), "slices": slices}
    failed = _named(slices, "fail")
    unknown = [*_absent(slices, rule), *_undecided(slices)]
    if failed:
        reason = f"{len(failed)} of {len(slices)} slices lost more than {rule.margin:.1%}: {_some(failed)}."
        return Judgement("slices", Outcome.FAIL, reason, evidence)
    if unknown:
        reason = f"Not every slice can be told: {_some(unknown)}."
        return Judgement("slices", Outcome.INCONCLUSIVE, reason, evidence)
    worst = min(slices, key=lambda each: each["low"])
    reason = (
        f"None of {len(slices)} slices lost more than {rule.margin:.1%}; "
        f"the least sure is {worst['name']} ({worst['low']:+.4f} to {worst['high']:+.4f})."
    )
    return Judgement("slices", Outcome.PASS, reason, evidence)


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    comparison = found["comparison"] or {}
    decision = found["decision"]
    return {
        "name": found["name"],
        "outcome": decision["outcome"],
        "reason": decision["reason"],
        "threshold": finite(decision["threshold"]),
        "adjusted": finite(found["adjusted"]),
        **{name: finite(comparison.get(name)) for name in _FIGURES},
    }


def _named(slices: Sequence[Mapping[str, Any]], outcome: str) -> list[str]:
    return [
        f"{each['name']}: {each['reason']}" for each in slices if each["outcome"] == outcome
    ]


def _absent(slices: Sequence[Mapping[str, Any]], rule: SliceGate) -> list[str]:
    """Declared dimensions that nothing was sliced by."""
    present = {each["name"].partition("=")[0] for each in slices}
    return [f"no slice by {name}" for name in rule.dimensions if name not in present]


def _undecided(slices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Slices that are open, and those that are said to have passed without a figure for it."""
    unknown = [
        f"{each['name']}: no interval"
        for each in slices
        if each["outcome"] == "pass" and (each["low"] is None or each["high"] is None)
    ]
    return unknown + _named(slices, "inconclusive")


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return "; ".join(texts[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
