"""A reviewer's approval as a command gives it: a person's and the demonstration's are the same call."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.cli.installation import (
    existing_store,
    panel_of,
    seal_ledger,
    signatory,
    surface_of,
)

if TYPE_CHECKING:
    from sluice.registry.approvals import Panel
    from sluice.settings import Settings
    from sluice.store.port import Store
    from sluice.store.records import LedgerRow
    from sluice.surface import Surface


@dataclass(frozen=True)
class Approval:
    """What a reviewer says of one release."""

    surface: str
    version: int
    reviewer: str
    release: str
    """Digest of what the reviewer has seen."""
    reason: str


@dataclass(frozen=True)
class Desk:
    """What a decision on a surface's versions needs, opened once."""

    settings: "Settings"
    store: "Store"
    declared: "Surface"

    @classmethod
    def open(cls, settings: "Settings", surface: str) -> "Desk":
        """The store of the installation and the surface's declaration.

        Raises:
            NotFound: nothing was ever run there, or there is no such surface.
        """
        return cls(settings, existing_store(settings), surface_of(settings, surface))

    @property
    def panel(self) -> "Panel":
        return panel_of(self.settings, self.declared)


def give(desk: Desk, approval: Approval, keys: Path | None = None) -> "LedgerRow":
    """Sign and enter the approval, by the rules that hold for every review; returns its ledger row.

    Args:
        desk: of the approval's surface.
        approval: what the reviewer says.
        keys: folder of the reviewer's own key; the installation's for this reviewer where not named.

    Raises:
        NotFound: there is no such version.
        Refused: the reviewer is the author or none of the reviewers, the release is not the
            version's, or the version is not in review.
        Conflict: somebody else approved it at the same moment; ask again.
    """
    from sluice.registry import review
    from sluice.registry.moves import version_of

    row = review.approve(
        desk.store,
        version_of(desk.store, approval.surface, approval.version),
        by=signatory(desk.settings, approval.reviewer, keys),
        panel=desk.panel,
        release=approval.release,
        reason=approval.reason,
        at=datetime.now(UTC),
    )
    seal_ledger(desk.settings, desk.store)
    return row
