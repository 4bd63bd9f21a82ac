"""Why a version was let on or held, gate by gate, from what the store holds and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.data.digest import json_digest
from sluice.gates.registry import figure_rows, question, remedies
from sluice.registry.proof import verdict_of
from sluice.registry.waivers import Waiver, lasts, waived
from sluice.store.port import Store
from sluice.store.records import Document, Outcome, Verdict, Version


@dataclass(frozen=True)
class Explanation:
    """One gate, for a person."""

    gate: str
    question: str
    outcome: str
    """As the verdict has it, or `not judged`."""
    reason: str
    figures: tuple[tuple[str, str], ...] = ()
    """Name and value of what it rests on."""
    changes: tuple[str, ...] = ()
    """What would have to change for it to pass; empty where it did."""
    waiver: Waiver | None = None
    holds: bool = True
    """Whether it holds the version back now."""


def explain(
    store: Store, version: Version, mandatory: Sequence[str], at: datetime
) -> tuple[Explanation, ...]:
    """Every mandatory gate in its order, then those that judged though nobody demands it.

    Args:
        store: where the verdicts and their evidence are.
        version: whose.
        mandatory: the surface's gates.
        at: when waivers are looked at.
    """
    judged = store.find(Verdict, surface=version.surface, version=version.number)
    others = sorted({verdict_.gate for verdict_ in judged} - set(mandatory))
    return tuple(_explained(store, version, gate, at) for gate in (*mandatory, *others))


def _explained(store: Store, version: Version, gate: str, at: datetime) -> Explanation:
    asks, verdict = question(gate), verdict_of(store, version, gate)
    if verdict is None:
        reason = "this gate has not judged the version"
        return Explanation(
            gate, asks, "not judged", reason, changes=("it has to be judged",)
        )
    document = store.get(Document, digest=verdict.evidence)
    if document is None or json_digest(document.body) != verdict.evidence:
        reason = (
            f"{verdict.reason} Its evidence {verdict.evidence[:12]} is gone or altered."
        )
        changes = ("the evidence has to be there as it was: restore the store",)
        return Explanation(gate, asks, str(verdict.outcome), reason, changes=changes)
    passed = verdict.outcome is Outcome.PASS
    waiver = None if passed else waived(store, version, verdict, at)
    let_on = passed or (waiver is not None and lasts(store, version, waiver, at))
    return Explanation(
        gate=gate,
        question=asks,
        outcome=str(verdict.outcome),
        reason=verdict.reason,
        figures=tuple(figure_rows(gate, document.body)),
        changes=remedies(gate, verdict.outcome, document.body),
        waiver=waiver,
        holds=not let_on,
    )
