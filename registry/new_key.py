"""A signing key that follows on one which was lost or revoked first: a reviewer says that it is ours.

A key that is rotated is named by a head of the old one. Where the old key cannot sign any more, a stranger's
key and the owner's new one look alike to an audit. What tells them apart is a reviewer's signature, which
neither promoters nor who can write the database can make.
"""

from datetime import datetime

from sluice.data.digest import json_digest
from sluice.errors import NotFound, Refused
from sluice.registry.approvals import Panel
from sluice.registry.keys import PublicKey
from sluice.registry.moves import made, position_of
from sluice.registry.people import person
from sluice.registry.review_keys import ReviewTrust, Signatory
from sluice.registry.review_signature import is_signed, signed
from sluice.store.port import Store
from sluice.store.records import Document, LedgerRow, Transition, Version

ACTION = "key"
KIND = "key.acknowledged"


def acknowledge_key(  # noqa: PLR0913 - the parts of a decision, each named at the call
    store: Store,
    surface: str,
    key: PublicKey,
    *,
    by: Signatory,
    panel: Panel,
    reason: str,
    at: datetime,
) -> LedgerRow:
    """Say in the ledger that the key is ours, though no head of an older one names it.

    Args:
        store: where the ledger is.
        surface: whose reviewer says so; the row is of its newest version, which it does not move.
        key: that signs now.
        by: the reviewer, who signs.
        panel: who may review.
        reason: why no head names it.
        at: when.

    Raises:
        Refused: the person is no reviewer of the surface, or gives no reason.
        NotFound: the surface has no version yet.
    """
    if not reason.strip():
        raise Refused(f"acknowledging key {key.id[:16]} needs a reason")
    if by.name not in panel.reviewers:
        raise Refused(f"{by.name!r} is no reviewer of {surface} and cannot vouch for a key")
    versions = store.find(Version, surface=surface)
    if not versions:
        raise NotFound(f"{surface} has no version, so its ledger has nothing to sign for")
    terms = store.put(Document.of(KIND, {"key": key.id}, at))
    name = f"key:{surface}:{key.id}:{person(by.name)}"
    if row := made(store, name):
        return row
    state = position_of(store, versions[-1]).state
    transition = Transition(
        surface=surface, version=versions[-1].number, action=ACTION, expected=state, after=state,
        actor=by.name, role="reviewer", reason=reason, idempotency_key=name, at=at,
        evidence=(terms.digest,),
    )  # fmt: skip
    return store.transition(signed(store, transition, panel.reviewers, by.key))


def acknowledged_keys(store: Store, trust: ReviewTrust) -> dict[str, LedgerRow]:
    """Ids of the keys that a reviewer vouched for, each with the row whose signature counts."""
    vouched = {}
    for row in store.find(LedgerRow, action=ACTION):
        document = store.get(Document, digest=row.evidence[0])
        whole = document is not None and json_digest(document.body) == document.digest
        if document is not None and whole and is_signed(row, trust):
            vouched[document.body["key"]] = row
    return vouched
