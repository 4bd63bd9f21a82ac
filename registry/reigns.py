"""Who was champion when: the ledger's moves of the champion pointer, read as stretches of time."""

from dataclasses import dataclass
from datetime import datetime

from sluice.errors import IntegrityError, NotFound
from sluice.registry.approvals import approvals
from sluice.registry.moves import version_of
from sluice.registry.promotion import history
from sluice.registry.waivers import waivers_of
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Release, Version


@dataclass(frozen=True)
class Reign:
    """One stretch of time in which a version was the champion."""

    version: int
    release: str
    epoch: int
    since: datetime
    until: datetime | None
    """None while it lasts."""
    action: str
    """What began it: promote, or the rollback of the version before it."""
    actor: str
    reason: str
    approved_by: tuple[str, ...]
    """Who approved exactly this release, whichever move made it champion."""
    waived: tuple[str, ...]
    """Gates that did not pass and were waived, each with the name of who did."""
    evidence: tuple[str, ...]
    """Digests of the documents that the move relied on."""
    before: int | None
    """Version that was champion until then."""
    sequence: int
    """Of the ledger row that began it."""


def reigns(store: Store, surface: str) -> tuple[Reign, ...]:
    """All champions of a surface, oldest first.

    Raises:
        IntegrityError: the ledger names a release that the store has not.
    """
    moves = history(store, surface)
    versions = [_version(store, row) for row in moves]
    numbers = [version.number for version in versions]
    ends = [row.at for row in moves[1:]]
    return tuple(
        Reign(
            version=version.number,
            release=row.evidence[0],
            epoch=row.epoch or 0,
            since=row.at,
            until=until,
            action=row.action,
            actor=row.actor,
            reason=row.reason,
            approved_by=tuple(
                approval.actor for approval in approvals(store, version, row.evidence[0])
            ),
            waived=tuple(
                f"{verdict.gate} by {verdict.actor}"
                for verdict in waivers_of(store, version)
            ),
            evidence=row.evidence[1:],
            before=before,
            sequence=row.sequence,
        )
        for row, version, until, before in zip(
            moves, versions, [*ends, None], [None, *numbers], strict=False
        )
    )


def reign_at(store: Store, surface: str, at: datetime) -> Reign:
    """Who was champion at a moment; the move itself belongs to the new one.

    Raises:
        NotFound: the surface had no champion then.
    """
    crowned = reigns(store, surface)
    earlier = [reign for reign in crowned if reign.since <= at]
    if not earlier:
        first = f"the first began {crowned[0].since.isoformat()}" if crowned else "nor ever"
        raise NotFound(f"{surface} had no champion at {at.isoformat()}; {first}")
    # The ledger's order decides, not the clock: two moves may carry one moment.
    return earlier[-1]


def _version(store: Store, row: LedgerRow) -> Version:
    # A rollback's row is about the version that leaves; its release says which one came back.
    stored = store.get(Release, surface=row.surface, digest=row.evidence[0])
    if stored is None:
        raise IntegrityError(
            f"ledger row {row.sequence} made release {row.evidence[0]} champion of {row.surface}, "
            "but the store has no such release"
        )
    return version_of(store, row.surface, stored.version)
