"""Waiving a gate: who may, for how long, and the row that it leaves in the ledger."""

from datetime import datetime, timedelta

from sluice.errors import NotFound, Refused
from sluice.gates.registry import is_waivable
from sluice.registry.approvals import Panel
from sluice.registry.moves import made, move_once, named, position_of
from sluice.registry.proof import verdict_of
from sluice.registry.review import ensure_may_review
from sluice.registry.review_keys import Signatory
from sluice.registry.review_signature import is_signed, signed
from sluice.registry.waivers import KIND
from sluice.store.port import Store
from sluice.store.records import (
    Document,
    LedgerRow,
    Outcome,
    Position,
    State,
    Transition,
    Verdict,
    Version,
)

LONGEST = timedelta(days=30)
"""A waiver is for a while; what is tolerated for good belongs into the surface's declaration."""


def waive(  # noqa: PLR0913 - a waiver has that many parts, and each is named at the call
    store: Store,
    version: Version,
    gate: str,
    *,
    by: Signatory,
    panel: Panel,
    reason: str,
    until: datetime,
    at: datetime,
) -> LedgerRow:
    """Let a version on past one gate that did not pass; the same words again are the same row.

    A blocked version is judged again from where it was blocked; one that is in review or approved
    stays where it is, its waiver renewed.

    Args:
        store: where the ledger is.
        version: what the gate held.
        gate: which one; never data, leakage or replay.
        by: the person who answers for it: a declared reviewer with no part in the version.
        panel: who may, and whose signatures count.
        reason: why, for the ledger.
        until: when it ends; promotion reads it again.
        at: now.

    Raises:
        Refused: the gate cannot be waived or needs no waiver, the person may not, there is no
            reason, the end is past or too far away, or the version is on its way.
        NotFound: the gate has not judged the version.
    """
    verdict = _waivable(store, version, gate)
    ensure_may_review(store, version, by, panel)
    if not reason.strip():
        raise Refused(f"waiving {gate} for {named(version)} needs a reason")
    if not at < until <= at + LONGEST:
        raise Refused(
            f"a waiver until {until.isoformat()} ends in the past or after more than "
            f"{LONGEST.days} days; now is {at.isoformat(timespec='seconds')}"
        )
    terms = {
        "surface": version.surface,
        "version": version.number,
        "gate": gate,
        "until": until.isoformat(),
        "verdict": verdict.evidence,
        "by": by.name,
        "reason": reason,
    }
    document = Document.of(KIND, terms, at)
    name = f"waive:{version.surface}:{version.number}:{document.digest}"
    while row := made(store, name):
        if is_signed(row, panel.trust):
            return row
        name = f"{name}:again"  # of before reviews were signed, or forged: this one counts
    position = position_of(store, version)
    after = _after(version, position)
    decision = signed(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="waive",
            expected=position.state,
            after=after,
            actor=by.name,
            role="reviewer",
            reason=reason,
            idempotency_key=name,
            at=at,
            evidence=(store.put(document).digest, verdict.evidence),
        ),
        panel.reviewers,
        by.key,
    )
    return move_once(store, decision)


def _waivable(store: Store, version: Version, gate: str) -> Verdict:
    if not is_waivable(gate):
        raise Refused(
            f"{gate} cannot be waived: without it nobody knows what was measured or would be served"
        )
    verdict = verdict_of(store, version, gate)
    if verdict is None:
        raise NotFound(
            f"{gate} has not judged {named(version)}, so there is nothing to waive"
        )
    if verdict.outcome is Outcome.PASS:
        raise Refused(f"{named(version)} passed {gate}; there is nothing to waive")
    return verdict


def _after(version: Version, position: Position) -> State:
    """Where the version goes on from."""
    if position.state in {State.IN_REVIEW, State.APPROVED}:
        return position.state
    if position.state is not State.BLOCKED:
        raise Refused(
            f"{named(version)} is {position.state}; a waiver is for one that is blocked, "
            "in review or approved"
        )
    return State.PACKAGED if position.release else State.CANDIDATE
