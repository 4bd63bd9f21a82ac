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
    from sluice.settings import Settings
    from sluice.store.records import LedgerRow


@dataclass(frozen=True)
class Approval:
    """What a reviewer says of one release."""

    surface: str
    version: int
    reviewer: str
    release: str
    """Digest of what the reviewer has seen."""
    reason: str


def give(settings: "Settings", approval: Approval, keys: Path | None = None) -> "LedgerRow":
    """Sign and enter the approval, by the rules that hold for every review; returns its ledger row.

    Args:
        settings: of the installation.
        approval: what the reviewer says.
        keys: folder of the reviewer's own key; the installation's for this reviewer where not given.

    Raises:
        NotFound: there is no such version.
        Refused: the reviewer is the author or none of the reviewers, the release is not the
            version's, or the version is not in review.
        Conflict: somebody else approved it at the same moment; ask again.
    """
    from sluice.registry import review
    from sluice.registry.moves import version_of

    store, declared = existing_store(settings), surface_of(settings, approval.surface)
    row = review.approve(
        store,
        version_of(store, approval.surface, approval.version),
        by=signatory(settings, approval.reviewer, keys),
        panel=panel_of(settings, declared),
        release=approval.release,
        reason=approval.reason,
        at=datetime.now(UTC),
    )
    seal_ledger(settings, store)
    return row
