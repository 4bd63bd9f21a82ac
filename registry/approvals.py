"""Who approved a version, and which of these approvals count."""

from collections.abc import Collection
from dataclasses import dataclass

from sluice.errors import IntegrityError
from sluice.registry.people import person
from sluice.registry.review_keys import ReviewTrust
from sluice.registry.review_signature import check_review, verdicts_digest
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Version


@dataclass(frozen=True)
class Panel:
    """Who decides on a surface's versions, and whose signatures count."""

    reviewers: Collection[str]
    """Who may decide, as the surface declares."""
    trust: ReviewTrust
    approvers: int = 1
    """Different people who have to approve."""


@dataclass(frozen=True)
class Approvals:
    """Of one release, the approvals that count, and why each other one does not."""

    counted: tuple[LedgerRow, ...]
    refused: tuple[str, ...]

    @property
    def people(self) -> frozenset[str]:
        """Who approved."""
        return frozenset(person(row.actor) for row in self.counted)


def approvals(store: Store, version: Version, release: str) -> tuple[LedgerRow, ...]:
    """Approvals of exactly this release by people who have no part in the version, in order.

    As the ledger has them: whether each counts is for `counted_approvals` to say.
    """
    rows = store.find(
        LedgerRow, surface=version.surface, version=version.number, action="approve"
    )
    involved = authors(store, version)
    return tuple(
        row
        for row in rows
        if person(row.actor) not in involved and row.evidence[:1] == (release,)
    )


def counted_approvals(
    store: Store, version: Version, release: str, panel: Panel
) -> Approvals:
    """Check the signature of each approval of the release, and who gave it."""
    verdicts = verdicts_digest(store, version)
    counted, refused = [], []
    for row in approvals(store, version, release):
        why = _why_refused(store, version, row, panel, verdicts)
        if why is None:
            counted.append(row)
        else:
            refused.append(why)
    return Approvals(tuple(counted), tuple(refused))


def authors(store: Store, version: Version) -> frozenset[str]:
    """Who may never approve the version: its author, whoever registered it, and whose account ran that."""
    rows = _registrations(store, version)
    ran = frozenset(person(row.ran_by) for row in rows if row.ran_by)
    return declared_authors(store, version) | ran


def declared_authors(store: Store, version: Version) -> frozenset[str]:
    """The names that were given for its author and for whoever registered it."""
    rows = _registrations(store, version)
    return frozenset(
        person(name) for name in (version.author, *(row.actor for row in rows))
    )


def same_hands(
    store: Store, version: Version, session: str, reviewers: Collection[str]
) -> bool:
    """Whether the account that would sign is that of somebody who has a part in the version.

    An account through which everybody works, as a service's, tells nothing of who sat there. It
    does where its name is an author's, or a reviewer's who trained the version under another name.
    """
    ran = {person(row.ran_by) for row in _registrations(store, version) if row.ran_by}
    persons = {person(name) for name in reviewers} & ran
    return person(session) in declared_authors(store, version) | persons


def _registrations(store: Store, version: Version) -> tuple[LedgerRow, ...]:
    return store.find(
        LedgerRow, surface=version.surface, version=version.number, action="register"
    )


def _why_refused(
    store: Store, version: Version, row: LedgerRow, panel: Panel, verdicts: str
) -> str | None:
    try:
        review = check_review(row, panel.trust)
    except IntegrityError as error:
        return str(error)
    name = f"ledger row {row.sequence} (approve by {row.actor})"
    if review.verdicts != verdicts:
        return f"{name} is about other verdicts than there are now; let the reviewer look again"
    if person(row.actor) not in {person(reviewer) for reviewer in panel.reviewers}:
        return f"{name}: {row.actor} is no reviewer of {row.surface}; let one of its reviewers approve"
    by_own_hand = not review.by_app and row.ran_by is not None
    if by_own_hand and same_hands(store, version, row.ran_by or "", review.reviewers):
        return f"{name} was signed by the account {row.ran_by!r}, which made the version"
    return None
