"""The leakage gate: no feature knows what was not known yet, whether counted or brought along.

Four questions. The mutation audit: did a feature move when only the future was changed? It cannot see
a column that was filled in afterwards, so: does a single column rank too well to be known beforehand?
Does the log say of the past what an earlier snapshot of it said? And: does anybody send the context that
was learned from, when a ranking is asked for?
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.columns_alone import CHANCE, RankedAlone, columns
from sluice.gates.figures import Row, shown
from sluice.gates.judgement import Judgement, count, finite, missing
from sluice.gates.outcome import Outcome
from sluice.gates.revised import Revised
from sluice.gates.scene import Scene
from sluice.gates.sent_context import SentContext

_SHOWN = 5
_LISTED = 12


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


class LeakageGate(Gate):
    """What a column may know of the outcome before it counts as written afterwards."""

    name: ClassVar[str] = "leakage"
    question: ClassVar[str] = "Do its features know only what was known at the time?"
    position: ClassVar[int] = 20
    laxest_tier: ClassVar = "experimental"
    measured_as: ClassVar[str | None] = "columns"
    always_measured: ClassVar[bool] = True
    not_plain: ClassVar[frozenset[str]] = frozenset({"alone"})

    ceiling: Annotated[float, Field(gt=0.5, le=1, allow_inf_nan=False)] = 0.95
    """AUC that no single column may exceed."""
    near: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.95
    """Share of the whole model's lift over chance that no context column may reach alone; what is
    counted from the log is held to the past by the mutation audit."""
    near_from: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.75
    """AUC below which a column is near the model only because the model is poor."""
    strong: tuple[str, ...] = Field(default=(), strict=False)
    """Context columns that rank well by right, such as the score of a stage before: not held by `near`."""
    min_sent: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Of a context column's known share where it was fitted: least share in the requests served."""
    max_revised: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.01
    """Share of rows of which a column may say something else now than an earlier snapshot did; mended
    mistakes are few, a total that goes on counting is not."""
    min_requests: int = Field(default=100, ge=1)
    """Served requests in the last window from which on they, not the declaration, say what is sent."""

    def measure(self, scene: Scene) -> dict[str, Any]:
        return columns(scene.candidate, scene.fitted, scene.judged)

    def judge(self, case: Case) -> Judgement:
        ranked = case.evaluation["columns"]
        learned = ranked["context"]
        return self.decide(
            Audited(**case.audit),
            RankedAlone(ranked["model"], ranked["alone"]),
            SentContext(
                learned, case.sent_context, case.served_context if learned else None
            ),
            revised=case.revised,
        )

    def decide(
        self,
        audited: Audited,
        alone: RankedAlone | None,
        context: SentContext | None,
        *,
        revised: Revised | None = None,
    ) -> Judgement:
        """Judge the questions; one that was not asked leaves the gate open, but for the earlier snapshot.

        Args:
            audited: the mutation audit.
            alone: every column against the label; None where no judged request could be ranked.
            context: what was learned from beside what is sent; None where nobody looked.
            revised: what an earlier snapshot said of the same past; None before there is one.
        """
        evidence = _evidence(audited, alone, context, self) | _of_revised(revised, self)
        leaks = [
            *_moved(audited),
            *(alone.too_well(self) if alone else ()),
            *(revised.leaks(self) if revised else ()),
        ]
        if leaks:
            return Judgement(self.name, Outcome.FAIL, f"{_some(leaks)}.", evidence)
        if unsent := context.unsent(self) if context else []:
            reason = f"Nobody can know this context when a ranking is asked for: {_some(unsent)}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        if unproven := _unproven(audited) or _unasked(alone, context):
            reason = f"Nothing is proven about leakage: {unproven}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        best = max(alone.columns.values(), default=CHANCE) if alone else CHANCE
        reason = (
            f"No feature moved over {audited.rows:,} rows at {audited.probes} probes of the future, "
            f"and none of {len(alone.columns) if alone else 0} columns ranks too well alone (AUC {best:.3f} at most)."
        )
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        """The columns that rank best by themselves."""
        return [
            (f"{column['name']} alone", f"AUC {shown(column['auc'])}")
            for column in evidence.get("alone", ())[:_LISTED]
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        moved = evidence.get("moved")
        if moved:
            return [
                f"{', '.join(moved)} must know only what was received before the request"
            ]
        columns = [
            f"{column}: leave it out, or show that it is known before the ranking is asked for"
            for column in evidence.get("too_well", ())
        ]
        revised = [
            f"{column}: file what is known later under the time from which it is known, or leave it out"
            for column in evidence.get("revised", ())
        ]
        unsent = [
            f"{column}: let clients send it and say so in serving.context, or leave it out of the log"
            for column in evidence.get("unsent", ())
        ]
        return [*columns, *revised, *unsent] or [
            "a mutation audit with probes, rows and no unnamed change, judged requests with a label, and a "
            "look at the context that is sent"
        ]


def _evidence(
    audited: Audited,
    alone: RankedAlone | None,
    context: SentContext | None,
    rule: LeakageGate,
) -> dict[str, Any]:
    columns = {} if alone is None else alone.columns
    ranked = sorted(columns.items(), key=lambda column: -column[1])
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
