"""The leakage gate: no feature knows what was not known yet, whether counted or brought along.

Four questions. The mutation audit: did a feature move when only the future was changed? It cannot see
a column that was filled in afterwards, so: does a single column rank too well to be known beforehand?
Does the log say of the past what an earlier snapshot of it said? And: does anybody send the context that
was learned from, when a ranking is asked for?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sluice.data.schema import CONTEXT_PREFIX
from sluice.gate_spec import LeakageGate
from sluice.registry.gates.judgement import Judgement, count, finite, missing
from sluice.registry.gates.revised import Revised
from sluice.registry.gates.sent_context import SentContext
from sluice.store.records import Outcome

_SHOWN = 5
_CHANCE = 0.5


@dataclass(frozen=True)
class Audited:
    """What the mutation audit measured; None where it gave no figure."""

    probes: int | None
    """Moments at which everything later was perturbed and the features recomputed."""
    rows: int | None
    """Candidate rows whose features were compared."""
    moved: Sequence[str] | None
    """Features that changed, though only the future had."""
    worst: float | None
    """Largest absolute change of any feature."""


@dataclass(frozen=True)
class RankedAlone:
    """How well each column ranks by itself, beside the whole model; see `sluice.metrics.single_columns`."""

    model: float | None
    """AUC of the candidate over the same requests."""
    columns: Mapping[str, float]
    """AUC by column."""

    def too_well(self, rule: LeakageGate) -> list[str]:
        """Columns that know too much, the worst first, and why."""
        ordered = sorted(self.columns.items(), key=lambda each: -each[1])
        reasons = ((name, self._why(name, auc, rule)) for name, auc in ordered)
        return [f"{name} {why}" for name, why in reasons if why]

    def _why(self, name: str, auc: float, rule: LeakageGate) -> str | None:
        if auc > rule.ceiling:
            return f"alone has an AUC of {auc:.3f}, the ceiling is {rule.ceiling:g}"
        allowed = any(fnmatchcase(name, each) for each in rule.strong)
        if not name.startswith(CONTEXT_PREFIX) or allowed or self.model is None:
            return None
        near = auc - _CHANCE >= rule.near * (self.model - _CHANCE)
        if not near or auc < rule.near_from:
            return None
        return f"alone has an AUC of {auc:.3f}, the whole model one of {self.model:.3f}"


def judge_leakage(
    audited: Audited,
    alone: RankedAlone | None,
    context: SentContext | None,
    rule: LeakageGate,
    *,
    revised: Revised | None = None,
) -> Judgement:
    """Judge the questions; one that was not asked leaves the gate open, but for the earlier snapshot.

    Args:
        audited: the mutation audit.
        alone: every column against the label; None where no judged request could be ranked.
        context: what was learned from beside what is sent; None where nobody looked.
        rule: what the surface asks.
        revised: what an earlier snapshot said of the same past; None before there is one.
    """
    evidence = _evidence(audited, alone, context, rule) | _of_revised(revised, rule)
    leaks = [
        *_moved(audited),
        *(alone.too_well(rule) if alone else ()),
        *(revised.leaks(rule) if revised else ()),
    ]
    if leaks:
        return Judgement("leakage", Outcome.FAIL, f"{_some(leaks)}.", evidence)
    if unsent := context.unsent(rule) if context else []:
        reason = (
            f"Nobody can know this context when a ranking is asked for: {_some(unsent)}."
        )
        return Judgement("leakage", Outcome.INCONCLUSIVE, reason, evidence)
    if unproven := _unproven(audited) or _unasked(alone, context):
        reason = f"Nothing is proven about leakage: {unproven}."
        return Judgement("leakage", Outcome.INCONCLUSIVE, reason, evidence)
    best = max(alone.columns.values(), default=_CHANCE) if alone else _CHANCE
    reason = (
        f"No feature moved over {audited.rows:,} rows at {audited.probes} probes of the future, "
        f"and none of {len(alone.columns) if alone else 0} columns ranks too well alone (AUC {best:.3f} at most)."
    )
    return Judgement("leakage", Outcome.PASS, reason, evidence)


def _evidence(
    audited: Audited,
    alone: RankedAlone | None,
    context: SentContext | None,
    rule: LeakageGate,
) -> dict[str, Any]:
    columns = {} if alone is None else alone.columns
    ranked = sorted(columns.items(), key=lambda each: -each[1])
    return {
        "limits": rule.model_dump(mode="json"),
        **_figures(audited),
        "moved": None if audited.moved is None else list(audited.moved),
        "model_auc": None if alone is None else finite(alone.model),
        "columns_ranked": None if alone is None else len(columns),
        "alone": [{"name": name, "auc": finite(auc)} for name, auc in ranked],
        "too_well": [] if alone is None else alone.too_well(rule),
        "unsent": [] if context is None else context.unsent(rule),
        "context": None if context is None else context.figures(),
    }


def _of_revised(revised: Revised | None, rule: LeakageGate) -> dict[str, Any]:
    if revised is None:
        return {"revised": [], "earlier": None}
    return {"revised": revised.leaks(rule), "earlier": revised.figures()}


def _figures(audited: Audited) -> dict[str, float | None]:
    return {
        "probes": count(audited.probes),
        "rows": count(audited.rows),
        "worst": finite(audited.worst),
    }


def _moved(audited: Audited) -> list[str]:
    if not audited.moved:
        return []
    return [
        f"{len(audited.moved)} features changed when only later events were perturbed, "
        f"so they leak the future: {', '.join(audited.moved)}"
    ]


def _unproven(audited: Audited) -> str | None:
    figures = _figures(audited)
    absent = missing({**figures, "moved": None if audited.moved is None else 0})
    if absent:
        return f"the audit gave no figure for {', '.join(absent)}"
    if not figures["probes"] or not figures["rows"]:
        return f"the audit probed {figures['probes']} instants and {figures['rows']} rows"
    if figures["worst"]:
        return f"a feature moved by {figures['worst']:g}, but the audit names none"
    return None


def _unasked(alone: RankedAlone | None, context: SentContext | None) -> str | None:
    if alone is None or not alone.columns or finite(alone.model) is None:
        return "no judged request has a label, so no column could be held against it"
    if unknown := [name for name, auc in alone.columns.items() if finite(auc) is None]:
        return f"there is no figure for {', '.join(unknown[:_SHOWN])}"
    return None if context else "nobody looked whether its context is sent"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return "; ".join(texts[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
