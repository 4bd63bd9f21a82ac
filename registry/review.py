"""Reviews: who may decide on a version, and the decision itself.

What is approved is a digest of bytes: a release that was built again is another one.
"""

from datetime import datetime

from sluice.errors import Conflict, Refused
from sluice.registry.approvals import (
    Panel,
    approvals,
    authors,
    counted_approvals,
    same_hands,
)
from sluice.registry.moves import move_once, named, position_of, version_of
from sluice.registry.people import person
from sluice.registry.proof import evidence_of
from sluice.registry.review_keys import Signatory
from sluice.registry.review_signature import signed
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Position, State, Transition, Version


def review_queue(store: Store, surface: str) -> tuple[Version, ...]:
    """Versions that wait for a reviewer, oldest first."""
    waiting = store.find(Position, surface=surface, state=State.IN_REVIEW)
    return tuple(version_of(store, surface, row.version) for row in waiting)


def approve(  # noqa: PLR0913 - a decision has that many parts, and each is named at the call
    store: Store,
    version: Version,
    *,
    by: Signatory,
    panel: Panel,
    release: str,
    reason: str,
    at: datetime,
) -> LedgerRow:
    """Approve the bytes of one release; it is approved once enough different people have.

    Args:
        store: where the decision is kept.
        version: what is decided on.
        by: who decides, and signs.
        panel: who may, how many people that takes, and whose signatures count.
        release: digest that the reviewer has seen.
        reason: why, in the reviewer's words.
        at: when.

    Raises:
        Refused: the reviewer is the author or none of the reviewers, the release is not the
            version's, or the version is not in review.
        Conflict: somebody else approved it at the same moment; ask again.
    """
    ensure_may_review(store, version, by, panel)
    packaged = position_of(store, version).release
    if packaged is None or release != packaged:
        raise Refused(
            f"{named(version)} is packaged as release {packaged or 'none'}, "
            f"but {release} was to be approved; look at the evidence again"
        )
    counted = counted_approvals(store, version, release, panel).counted
    own = next((row for row in counted if person(row.actor) == person(by.name)), None)
    return own or _approve(
        store, version, len(counted), by=by, panel=panel, reason=reason, at=at
    )


def _approve(  # noqa: PLR0913 - the parts of one approval
    store: Store,
    version: Version,
    given: int,
    *,
    by: Signatory,
    panel: Panel,
    reason: str,
    at: datetime,
) -> LedgerRow:
    position = position_of(store, version)
    count, release = given + 1, position.release or ""
    nth = len(approvals(store, version, release)) + 1
    # A tier that asks for more people now than when it was approved lets more of them approve.
    # So do approvals that no longer count, for they are given again.
    more = position.state is State.APPROVED and count <= panel.approvers
    enough = more or count >= panel.approvers
    row = _decide(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="approve",
            expected=State.APPROVED if more else State.IN_REVIEW,
            after=State.APPROVED if enough else State.IN_REVIEW,
            actor=by.name,
            role="reviewer",
            reason=reason,
            # Numbered: of two who approve at once, one is told to ask again, and both are counted.
            idempotency_key=f"approve:{version.surface}:{version.number}:{release}:{nth}",
            at=at,
            evidence=(release, *evidence_of(store, version)),
        ),
        by,
        panel,
    )
    if person(row.actor) != person(by.name):
        raise Conflict(
            f"{row.actor} approved {named(version)} at the same moment; approve it again"
        )
    return row


def reject(
    store: Store,
    version: Version,
    *,
    by: Signatory,
    panel: Panel,
    reason: str,
    at: datetime,
) -> LedgerRow:
    """Reject a version for good; what is wrong with it is mended in a new one.

    Raises:
        Refused: the reviewer is the author or none of the reviewers, gives no reason, or the
            version is not in review.
    """
    ensure_may_review(store, version, by, panel)
    if not reason.strip():
        raise Refused(f"rejecting {named(version)} needs a reason for its author")
    return _decide(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action="reject",
            expected=State.IN_REVIEW,
            after=State.REJECTED,
            actor=by.name,
            role="reviewer",
            reason=reason,
            idempotency_key=f"reject:{version.surface}:{version.number}:{by.name}",
            at=at,
            evidence=evidence_of(store, version),
        ),
        by,
        panel,
    )


def _decide(store: Store, transition: Transition, by: Signatory, panel: Panel) -> LedgerRow:
    return move_once(store, signed(store, transition, panel.reviewers, by.key))


def ensure_may_review(store: Store, version: Version, by: Signatory, panel: Panel) -> None:
    """Let a reviewer pass who is declared, has no part in the version, and signs with a key that counts.

    Raises:
        Refused: the reviewer is the author, registered the version, or is not declared; or the
            account that signs is the author's; or the key counts neither for the reviewer nor for
            everybody.
    """
    reviewer, key = by.name, by.key
    if person(reviewer) in authors(store, version):
        raise Refused(f"{reviewer!r} made {named(version)} and cannot review it")
    if reviewer not in panel.reviewers:
        allowed = ", ".join(sorted(panel.reviewers)) or "nobody"
        raise Refused(
            f"{reviewer!r} is no reviewer of {version.surface}; reviewers: {allowed}"
        )
    if key.public in panel.trust.app():
        return
    session = store.session()
    if same_hands(store, version, session, panel.reviewers):
        raise Refused(
            f"the account {session!r} made {named(version)} and cannot sign a review of it, "
            f"in the name of {reviewer!r} either; let {reviewer!r} decide from an own account"
        )
    if key.public not in panel.trust.own(reviewer):
        raise Refused(
            f"the key {key.public.id[:16]} does not count for {reviewer!r}: it is revoked or was "
            f"never trusted; see `sluice review keys`"
        )
