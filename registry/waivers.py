"""Waivers: who let a version on past a gate that did not pass, why, and until when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sluice.data.digest import json_digest
from sluice.store.port import Store
from sluice.store.records import Document, LedgerRow, State, Verdict, Version

KIND = "waiver"
"""Of the document that holds a waiver's terms."""


@dataclass(frozen=True)
class Waiver:
    """One person's word that a version may go on though one gate did not pass."""

    gate: str
    actor: str
    reason: str
    until: datetime
    """From then on it counts for nothing."""
    verdict: str
    """Digest of the evidence of the verdict that it is about."""
    document: str
    """Digest of its own terms, which the ledger row names."""
    sequence: int
    """Of its ledger row."""

    def holds(self, at: datetime) -> bool:
        return at < self.until


def waivers_of(store: Store, version: Version) -> tuple[Waiver, ...]:
    """All of a version, oldest first, the expired ones too; one whose terms were altered is none."""
    return tuple(waiver for row in _rows(store, version) for waiver in _read(store, row))


def waived(store: Store, version: Version, verdict: Verdict, at: datetime) -> Waiver | None:
    """The one about this verdict that lasts longest; an ended one where none lasts `at` now."""
    about = [
        waiver
        for waiver in waivers_of(store, version)
        if (waiver.gate, waiver.verdict) == (verdict.gate, verdict.evidence)
    ]
    by_length = sorted(about, key=lambda waiver: waiver.until, reverse=True)
    lasting = (waiver for waiver in by_length if lasts(store, version, waiver, at))
    return next(lasting, by_length[0] if by_length else None)


def lasts(store: Store, version: Version, waiver: Waiver, at: datetime) -> bool:
    """Whether it counts now, and no row of the surface that was written since says a time past its end.

    So one that has ended stays ended for everybody, also for whose clock was put back.
    """
    rows = store.find(LedgerRow, surface=version.surface)
    since = (row.at for row in rows if row.sequence >= waiver.sequence)
    return waiver.holds(max(at, *since))


def reopened(store: Store, version: Version) -> int:
    """How often a waiver has let the version out of `blocked`, so that it is judged again."""
    return sum(row.before == State.BLOCKED.value for row in _rows(store, version))


def _rows(store: Store, version: Version) -> tuple[LedgerRow, ...]:
    return store.find(
        LedgerRow, surface=version.surface, version=version.number, action="waive"
    )


def _read(store: Store, row: LedgerRow) -> Iterator[Waiver]:
    document = store.get(Document, digest=row.evidence[0])
    if document is None or json_digest(document.body) != row.evidence[0]:
        return
    terms = document.body
    yield Waiver(
        gate=terms["gate"],
        actor=row.actor,
        reason=row.reason,
        until=datetime.fromisoformat(terms["until"]),
        verdict=terms["verdict"],
        document=document.digest,
        sequence=row.sequence,
    )
