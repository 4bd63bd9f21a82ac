"""A person's decision, signed: what exactly was decided, by whom, over what, and when.

The hash chain has no key, so whoever can insert a row can chain it. The signature is made where the
person is known, with a key that trainers and flows lack, and is checked before a version serves.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from sluice.data.digest import canonical_json, json_digest
from sluice.errors import IntegrityError
from sluice.registry.bundle import opened, sealed
from sluice.registry.keys import SigningKey
from sluice.registry.people import person
from sluice.registry.review_keys import ReviewTrust
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Position, Transition, Verdict, Version

PAYLOAD_TYPE = "application/vnd.sluice.review+json"
DECISIONS = frozenset({"approve", "reject", "waive", "rules", "key"})
"""Actions that a person decides, and that carry a signature."""


@dataclass(frozen=True)
class SignedReview:
    """What a signature that counts says beyond its ledger row."""

    release: str | None
    """What was packaged when it was decided."""
    verdicts: str
    """Digest of all verdicts that there were."""
    reviewers: tuple[str, ...]
    """Who might decide then, as the surface declared it to who signed."""
    by_app: bool


def signed(
    store: Store, transition: Transition, reviewers: Collection[str], key: SigningKey
) -> Transition:
    """The decision with its signature, over all that it says and the verdicts as they are."""
    position = store.get(Position, surface=transition.surface, version=transition.version)
    version = store.get(Version, surface=transition.surface, number=transition.version)
    payload = {
        **_said(transition),
        "release": position.release if position else None,
        "verdicts": verdicts_digest(store, version) if version else "",
        "reviewers": sorted(reviewers),
    }
    bundle = sealed(PAYLOAD_TYPE, canonical_json(payload), key)
    return replace(transition, signature=bundle.decode())


def check_review(row: LedgerRow, trust: ReviewTrust) -> SignedReview:
    """What the row's signature says, once it is known to be about this row and to count.

    Raises:
        IntegrityError: it has none, or one of a key that does not count for this person, or of
            another decision; the message says which and what to do.
    """
    name = f"ledger row {row.sequence} ({row.action} by {row.actor})"
    if row.signature is None:
        raise IntegrityError(
            f"{name} is not signed: it was forged, or made before reviews were signed; "
            "let the reviewer decide again"
        )
    app = trust.app()
    keys = (*trust.own(row.actor), *app)
    payload, key = opened(row.signature.encode(), PAYLOAD_TYPE, keys, name)
    return _of_row(row, payload, name, by_app=key in app)


def is_signed(row: LedgerRow, trust: ReviewTrust) -> bool:
    """Whether the row's signature is about it and counts; see `check_review`."""
    try:
        check_review(row, trust)
    except IntegrityError:
        return False
    return True


def verdicts_digest(store: Store, version: Version) -> str:
    """Digest of everything that the gates said of the version."""
    verdicts = store.find(Verdict, surface=version.surface, version=version.number)
    return json_digest(
        [
            [verdict.gate, verdict.outcome.value, verdict.reason, verdict.evidence]
            for verdict in verdicts
        ]
    )


def _of_row(row: LedgerRow, payload: bytes, name: str, *, by_app: bool) -> SignedReview:
    try:
        document: dict[str, Any] = json.loads(payload)
        review = SignedReview(
            release=document.pop("release"),
            verdicts=str(document.pop("verdicts")),
            reviewers=tuple(document.pop("reviewers")),
            by_app=by_app,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{name}: is signed, but no review") from error
    if document != _said(row):
        raise IntegrityError(f"{name}: the signature is of another decision")
    if row.action == "approve" and row.evidence[:1] != (review.release,):
        raise IntegrityError(f"{name}: the signature is of another release")
    if person(row.actor) not in {person(reviewer) for reviewer in review.reviewers}:
        raise IntegrityError(f"{name}: who signed was no reviewer of {row.surface} then")
    return review


def _said(decision: LedgerRow | Transition) -> dict[str, Any]:
    """What ledger row and signature both say, in the words of JSON."""
    return {
        "surface": decision.surface,
        "version": decision.version,
        "action": decision.action,
        "reviewer": decision.actor,
        "reason": decision.reason,
        "evidence": list(decision.evidence),
        "at": decision.at.astimezone(UTC).isoformat(),
    }
