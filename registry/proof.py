"""What speaks for a version, read from the store, and what is missing from it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sluice.data.digest import json_digest
from sluice.errors import Held, IntegrityError
from sluice.gates.judgement import Judgement
from sluice.gates.registry import is_waivable
from sluice.registry.approvals import Panel, authors, counted_approvals
from sluice.registry.moves import named, position_of
from sluice.registry.people import person
from sluice.registry.review_keys import ReviewTrust
from sluice.registry.review_signature import check_review
from sluice.registry.waivers import lasts, waived, waivers_of
from sluice.store.port import Store
from sluice.store.records import (
    Document,
    LedgerRow,
    Outcome,
    Position,
    Release,
    Verdict,
    Version,
)

JUDGED = "verdict"
"""Of the evidence: what the verdict's row says too, so that a row changed behind its back is seen."""


def record(store: Store, version: Version, judgement: Judgement, at: datetime) -> Verdict:
    """Keep a gate's judgement with its evidence.

    A gate judges a version once and its first verdict stands, so nobody can ask until the answer
    suits, and a rerun that measures other milliseconds is no conflict.
    """
    first = verdict_of(store, version, judgement.gate)
    if first:
        return first
    judged = _judged(judgement.gate, judgement.outcome, judgement.reason)
    body = {**judgement.evidence, JUDGED: judged}
    evidence = store.put(Document.of(f"gate.{judgement.gate}", body, at))
    verdict = Verdict(
        surface=version.surface,
        version=version.number,
        gate=judgement.gate,
        outcome=judgement.outcome,
        reason=judgement.reason,
        evidence=evidence.digest,
        created_at=at,
    )
    return store.put(verdict)


def verdict_of(store: Store, version: Version, gate: str) -> Verdict | None:
    return store.get(Verdict, surface=version.surface, version=version.number, gate=gate)


def evidence_of(store: Store, version: Version) -> tuple[str, ...]:
    """Digests of the evidence of all verdicts, and of the terms of all waivers."""
    verdicts = store.find(Verdict, surface=version.surface, version=version.number)
    terms = (waiver.document for waiver in waivers_of(store, version))
    return (*(verdict.evidence for verdict in verdicts), *terms)


def unproven(
    store: Store,
    version: Version,
    mandatory: Sequence[str],
    at: datetime,
    trust: ReviewTrust | None = None,
) -> tuple[str, ...]:
    """Why the mandatory gates hold the version, one sentence a gate; empty where none does.

    No gate at all proves nothing, a missing verdict is inconclusive, and a verdict whose evidence
    is gone or altered, or says another outcome, is worth none. One that did not pass holds, unless a
    waiver lasts `at` now; with `trust`, which a promotion has, only one whose signature counts.
    """
    if not mandatory:
        return ("no gate is mandatory at this step, so nothing is proven",)
    reasons = (_why_held(store, version, gate, at, trust) for gate in mandatory)
    return tuple(reason for reason in reasons if reason)


def ensure_promotable(
    store: Store,
    version: Version,
    mandatory: Sequence[str],
    *,
    panel: Panel,
    at: datetime,
) -> None:
    """Read all evidence again before the version may serve.

    Args:
        store: where it is kept.
        version: what is to serve.
        mandatory: gates that must have passed, or be waived.
        panel: who must have approved it, and whose signatures count.
        at: when the waivers must hold.

    Raises:
        Held: something is missing; the message names everything that is.
    """
    position = position_of(store, version)
    missing = (
        *unproven(store, version, mandatory, at, panel.trust),
        *_unreviewed(store, version, position, panel),
    )
    if missing:
        raise Held(f"{named(version)} cannot serve: {'; '.join(missing)}")


def _why_held(
    store: Store, version: Version, gate: str, at: datetime, trust: ReviewTrust | None
) -> str | None:
    verdict = verdict_of(store, version, gate)
    if verdict is None:
        return f"{gate}: inconclusive: there is no verdict"
    not_passed = verdict.outcome is not Outcome.PASS
    why = _unwaived(store, version, verdict, at, trust) if not_passed else None
    if why is not None:
        return f"{gate}: {verdict.outcome}: {why}{verdict.reason}"
    groundless = unfounded(store, verdict)
    return f"{gate}: inconclusive: {groundless}" if groundless else None


def _unwaived(
    store: Store,
    version: Version,
    verdict: Verdict,
    at: datetime,
    trust: ReviewTrust | None,
) -> str | None:
    """What to say of the waiver that does not let it on, nothing where there is none; else None."""
    waiver = waived(store, version, verdict, at) if is_waivable(verdict.gate) else None
    if waiver is None or person(waiver.actor) in authors(store, version):
        return ""
    if not lasts(store, version, waiver, at):
        return f"its waiver by {waiver.actor} ended {waiver.until.isoformat()}: "
    row = store.get(LedgerRow, sequence=waiver.sequence)
    if trust is None or row is None:
        return None if row else "its waiver is gone: "
    try:
        check_review(row, trust)
    except IntegrityError as error:
        return f"{error}: "
    return None


def unfounded(store: Store, verdict: Verdict) -> str | None:
    """What is wrong with a verdict's evidence: its document says the same as the verdict's row."""
    short = verdict.evidence[:12]
    document = store.get(Document, digest=verdict.evidence)
    if document is None or json_digest(document.body) != verdict.evidence:
        return f"its evidence {short} is gone or altered"
    judged = document.body.get(JUDGED)
    if judged is None:
        return (
            f"its evidence {short} does not say what was judged, as an older Sluice wrote it; "
            "a version of a newer snapshot is judged anew"
        )
    if judged != _judged(verdict.gate, verdict.outcome, verdict.reason):
        return f"its evidence {short} says another outcome: {judged['outcome']}"
    return None


def _judged(gate: str, outcome: Outcome, reason: str) -> dict[str, str]:
    return {"gate": gate, "outcome": outcome.value, "reason": reason}


def _unreviewed(
    store: Store, version: Version, position: Position, panel: Panel
) -> Iterator[str]:
    if position.release is None:
        yield "it has no release"
        return
    short = position.release[:12]
    release = store.get(Release, surface=version.surface, digest=position.release)
    if release is None or release.version != version.number:
        yield f"release {short} is not registered as its own"
    unreviewed = counted_approvals(store, version, position.release, panel)
    if len(unreviewed.people) >= panel.approvers:
        return  # what does not count beside them holds nothing; an audit names it
    yield from unreviewed.refused
    if not unreviewed.people:
        yield f"nobody but its author approved release {short}"
    else:
        yield (
            f"{len(unreviewed.people)} of {panel.approvers} people approved release {short}: "
            f"{', '.join(sorted(unreviewed.people))}"
        )
