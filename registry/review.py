"""Reviews: who may decide on a version, and the decision itself.

What is approved is a digest of bytes: a release that was built again is another one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from registry.moves import move_once, named, position_of, version_of
from registry.proof import approvals, authors, evidence_of, person
from sluice.errors import Conflict, Refused
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Position, State, Transition, Version


def review_queue(store: Store, surface: str) -> tuple[Version, ...]:
    """Versions that wait for a reviewer, oldest first."""
    waiting = store.find(Position, surface=surface, state=State.IN_REVIEW)
    return tuple(version_of(store, surface, each.version) for each in waiting)


def approve(  # noqa: PLR0913 - a decision has that many parts, and each is named at the call
    store: Store,
    version: Version,
    *,
    reviewer: str,
    reviewers: Collection[str],
    release: str,
    reason: str,
    at: datetime,
    approvers: int = 1,
) -> LedgerRow:
    """Approve the bytes of one release; it is approved once enough different people have.

    Args:
        store: where the decision is kept.
        version: what is decided on.
        reviewer: who decides.
        reviewers: who may, as the surface declares.
        release: digest that the reviewer has seen.
        reason: why, in the reviewer's words.
        at: when.
        approvers: how many people that takes.

    Raises:
        Refused: the reviewer is the author or none of the reviewers, the release is not the
            version's, or the version is not in review.
        Conflict: somebody else approved it at the same moment; ask again.
    """
    ensure_may_review(store, version, reviewer, reviewers)
    packaged = position_of(store, version).release
    if packaged is None or release != packaged:
        raise Refused(
            f"{named(version)} is packaged as release {packaged or 'none'}, "
            f"but {release} was to be approved; look at the evidence again"
        )
    given = approvals(store, version, release)
    own = next((row for row in given if person(row.actor) == person(reviewer)), None)
    return own or _approve(
        store, version, given, reviewer=reviewer, reason=reason, at=at, approvers=approvers
    )


def _approve(  # noqa: PLR0913 - the parts of one approval
    store: Store,
    version: Version,
    given: Sequence[LedgerRow],
    *,
    reviewer: str,
    reason: str,
    at: datetime,
    approvers: int,
) -> LedgerRow:
    position = position_of(store, version)
    nth, release = len(given) + 1, position.release or ""
    # A tier that asks for more people now than when it was approved lets more of them approve.
    more = position.state is State.APPROVED and nth <= approvers
    enough = more or nth >= approvers
    row = move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="approve",
            expected=State.APPROVED if more else State.IN_REVIEW,
            after=State.APPROVED if enough else State.IN_REVIEW,
            actor=reviewer,
            role="reviewer",
            reason=reason,
            # Numbered: of two who approve at once, one is told to ask again, and both are counted.
            idempotency_key=f"approve:{version.surface}:{version.number}:{release}:{nth}",
            at=at,
            evidence=(release, *evidence_of(store, version)),
        ),
    )
    if person(row.actor) != person(reviewer):
        raise Conflict(
            f"{row.actor} approved {named(version)} at the same moment; approve it again"
        )
    return row


def reject(
    store: Store,
    version: Version,
    *,
    reviewer: str,
    reviewers: Collection[str],
    reason: str,
    at: datetime,
) -> LedgerRow:
    """Reject a version for good; what is wrong with it is mended in a new one.

    Raises:
        Refused: the reviewer is the author or none of the reviewers, gives no reason, or the
            version is not in review.
    """
    ensure_may_review(store, version, reviewer, reviewers)
    if not reason.strip():
        raise Refused(f"rejecting {named(version)} needs a reason for its author")
    return move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="reject",
            expected=State.IN_REVIEW,
            after=State.REJECTED,
            actor=reviewer,
            role="reviewer",
            reason=reason,
            idempotency_key=f"reject:{version.surface}:{version.number}:{reviewer}",
            at=at,
            evidence=evidence_of(store, version),
        ),
    )


def ensure_may_review(
    store: Store, version: Version, reviewer: str, reviewers: Collection[str]
) -> None:
    """Let a reviewer pass who is declared and has no part in the version.

    Raises:
        Refused: the reviewer is the author, registered the version, or is not declared.
    """
    if person(reviewer) in authors(store, version):
        raise Refused(f"{reviewer!r} made {named(version)} and cannot review it")
    if reviewer not in reviewers:
        allowed = ", ".join(sorted(reviewers)) or "nobody"
        raise Refused(
            f"{reviewer!r} is no reviewer of {version.surface}; reviewers: {allowed}"
        )
