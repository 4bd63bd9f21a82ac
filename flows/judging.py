"""What the gates say of a candidate and of its release, each asked once."""

from collections.abc import Callable
from typing import Any

from sluice.flows.candidate_case import CandidateCase
from sluice.flows.workplace import Workplace, now
from sluice.gates.base import Gate
from sluice.gates.replay import ReplayFigures
from sluice.registry.proof import record, verdict_of
from sluice.store.records import Verdict, Version


def judge(
    workplace: Workplace, version: Version, *, leakage: str, evaluation: str
) -> tuple[Verdict, ...]:
    """The verdicts of the surface's gates that can be given before there is a package.

    Args:
        workplace: whose surface declares the gates.
        version: the candidate.
        leakage: digest of its mutation audit.
        evaluation: digest of its evaluation.
    """
    case = CandidateCase(workplace, version, leakage, evaluation)
    return tuple(
        _judged_once(case, gate)
        for gate in workplace.surface.gates.demanded
        if not gate.on_release
    )


def judge_release(
    workplace: Workplace, version: Version, replay: Callable[[], ReplayFigures]
) -> tuple[Verdict, ...]:
    """The verdicts of the surface's gates that look at the packaged release.

    Args:
        workplace: whose surface declares the gates.
        version: the packaged candidate.
        replay: asks the release; called only by a gate that has not judged yet.
    """
    case = CandidateCase(workplace, version, replay=replay)
    return tuple(
        _judged_once(case, gate)
        for gate in workplace.surface.gates.demanded
        if gate.on_release
    )


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict for a table or a machine."""
    return {
        "name": verdict.gate,
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "evidence": verdict.evidence,
    }


def _judged_once(case: CandidateCase, gate: Gate) -> Verdict:
    """The verdict as it was given, or else given now: a gate is not asked until it says yes."""
    store, version = case.workplace.store, case.version
    first = verdict_of(store, version, gate.name)
    return first or record(store, version, gate.judge(case), now())
