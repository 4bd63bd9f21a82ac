"""What speaks for a version, read from the store, and what is missing from it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from registry.gates.judgement import Judgement
from registry.moves import named, position_of
from registry.waivers import lasts, waived, waivers_of
from sluice.data.digest import json_digest
from sluice.errors import Held
from sluice.gate_spec import UNWAIVABLE
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

ON_RELEASE = frozenset({"replay"})
"""Gates that judge the packaged release, not the candidate."""


def record(store: Store, version: Version, judgement: Judgement, at: datetime) -> Verdict:
    """Keep a gate's judgement with its evidence.

    A gate judges a version once and its first verdict stands, so nobody can ask until the answer
    suits, and a rerun that measures other milliseconds is no conflict.
    """
    first = verdict_of(store, version, judgement.gate)
    if first:
        return first
    evidence = store.put(Document.of(f"gate.{judgement.gate}", judgement.evidence, at))
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
    store: Store, version: Version, mandatory: Sequence[str], at: datetime
) -> tuple[str, ...]:
    """Why the mandatory gates hold the version, one sentence a gate; empty where none does.

    No gate at all proves nothing, a missing verdict is inconclusive, and a verdict whose evidence
    is gone or altered is worth none. One that did not pass holds, unless a waiver lasts `at` now.
    """
    if not mandatory:
        return ("no gate is mandatory at this step, so nothing is proven",)
    reasons = (_why_held(store, version, gate, at) for gate in mandatory)
    return tuple(reason for reason in reasons if reason)


def ensure_promotable(
    store: Store,
    version: Version,
    mandatory: Sequence[str],
    *,
    approvers: int,
    at: datetime,
) -> None:
    """Read all evidence again before the version may serve.

    Args:
        store: where it is kept.
        version: what is to serve.
        mandatory: gates that must have passed, or be waived.
        approvers: different people who must have approved it.
        at: when the waivers must hold.

    Raises:
        Held: something is missing; the message names everything that is.
    """
    position = position_of(store, version)
    missing = (
        *unproven(store, version, mandatory, at),
        *_unreviewed(store, version, position, approvers),
    )
    if missing:
        raise Held(f"{named(version)} cannot serve: {'; '.join(missing)}")


def _why_held(store: Store, version: Version, gate: str, at: datetime) -> str | None:
    verdict = verdict_of(store, version, gate)
    if verdict is None:
        return f"{gate}: inconclusive: there is no verdict"
    if verdict.outcome is not Outcome.PASS:
        waiver = None if gate in UNWAIVABLE else waived(store, version, verdict, at)
        if waiver is None or person(waiver.actor) in authors(store, version):
            return f"{gate}: {verdict.outcome}: {verdict.reason}"
        if not lasts(store, version, waiver, at):
            return (
                f"{gate}: {verdict.outcome}: its waiver by {waiver.actor} ended "
                f"{waiver.until.isoformat()}: {verdict.reason}"
            )
    document = store.get(Document, digest=verdict.evidence)
    if document is None or json_digest(document.body) != verdict.evidence:
        return (
            f"{gate}: inconclusive: its evidence {verdict.evidence[:12]} is gone or altered"
        )
    return None


def _unreviewed(
    store: Store, version: Version, position: Position, approvers: int
) -> Iterator[str]:
    if position.release is None:
        yield "it has no release"
        return
    release = store.get(Release, surface=version.surface, digest=position.release)
    if release is None or release.version != version.number:
        yield f"release {position.release[:12]} is not registered as its own"
    people = {person(row.actor) for row in approvals(store, version, position.release)}
    if not people:
        yield f"nobody but its author approved release {position.release[:12]}"
    elif len(people) < approvers:
        yield (
            f"{len(people)} of {approvers} people approved release {position.release[:12]}: "
            f"{', '.join(sorted(people))}"
        )


def approvals(store: Store, version: Version, release: str) -> tuple[LedgerRow, ...]:
    """Approvals of exactly this release by people who have no part in the version, in order."""
    rows = store.find(
        LedgerRow, surface=version.surface, version=version.number, action="approve"
    )
    involved = authors(store, version)
    return tuple(
        row
        for row in rows
        if person(row.actor) not in involved and row.evidence[:1] == (release,)
    )


def authors(store: Store, version: Version) -> frozenset[str]:
    """Who may never approve the version: its author, and whoever registered it."""
    rows = store.find(
        LedgerRow, surface=version.surface, version=version.number, action="register"
    )
    return frozenset(
        person(name) for name in (version.author, *(row.actor for row in rows))
    )


def person(name: str) -> str:
    """The name as it is compared: "Ann " and "ann" are one person."""
    return name.strip().casefold()
