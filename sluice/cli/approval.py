"""A reviewer's approval as a command gives it: a person's and the demonstration's are the same call."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sluice.cli.installation import existing_store, surface_of

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


def give(settings: "Settings", approval: Approval) -> "LedgerRow":
    """Enter the approval, by the rules that hold for every review; returns its ledger row.

    Raises:
        NotFound: there is no such version.
        Refused: the reviewer is the author or none of the reviewers, the release is not the
            version's, or the version is not in review.
        Conflict: somebody else approved it at the same moment; ask again.
    """
    from registry import review
    from registry.moves import version_of

    store, declared = existing_store(settings), surface_of(settings, approval.surface)
    return review.approve(
        store,
        version_of(store, approval.surface, approval.version),
        reviewer=approval.reviewer,
        reviewers=declared.review.reviewers,
        approvers=declared.at_least.approvers,
        release=approval.release,
        reason=approval.reason,
        at=datetime.now(UTC),
    )
