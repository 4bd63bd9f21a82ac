"""G5: decisions of people that nobody made, written into the ledger by SQL with a right hash chain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from sluice.errors import Held
from sluice.registry import approvals, audit, promotion, proof
from sluice.registry.approvals import Panel
from sluice.registry.keys import KeyRing
from sluice.registry.review_keys import ReviewKeys
from sluice.registry.review_signature import signed
from sluice.store import open_store
from sluice.store.engine import parse_url
from sluice.store.ledger import seal
from sluice.store.port import Store
from sluice.store.records import (
    LedgerRow,
    Outcome,
    State,
    Transition,
    Version,
)
from sluice.store.sql import Rows
from tests.lib.promotions import BY_FLOW, MANDATORY, bring, judged, release_of
from tests.lib.promotions import package as packaged
from tests.lib.stores import T0, a_draft
from tests.lib.tamperings import execute

REVIEWERS = ("rita", "Rob")
AT = T0 + timedelta(hours=1)


@dataclass(frozen=True)
class Yard:
    """A store with one version in review, and the keys of its reviewers and of an outsider."""

    url: str
    store: Store
    keys: ReviewKeys
    version: Version

    @property
    def panel(self) -> Panel:
        return Panel(REVIEWERS, self.keys)

    @property
    def release(self) -> str:
        return release_of(self.version)

    def decision(self, actor: str = "rita", action: str = "approve") -> Transition:
        """What an honest approval would ask of the store."""
        return Transition(
            surface="feed", version=self.version.number, action=action, expected=State.IN_REVIEW,
            after=State.APPROVED, actor=actor, role="reviewer", reason="looks right",
            idempotency_key=f"forged:{actor}", at=AT,
            evidence=(self.release, *proof.evidence_of(self.store, self.version)),
        )  # fmt: skip

    def signed_by(self, key: Any, decision: Transition) -> Transition:
        return signed(self.store, decision, REVIEWERS, key)

    def insert(self, decision: Transition) -> None:
        """Write the row rightly chained and hashed, and move the version, as SQL alone can."""
        row = LedgerRow(
            sequence=0, surface=decision.surface, version=decision.version, action=decision.action,
            actor=decision.actor, role=decision.role, reason=decision.reason,
            before="in_review", after="approved", evidence=decision.evidence, epoch=None,
            idempotency_key=decision.idempotency_key, request="0" * 64, at=decision.at,
            previous_hash="", hash="", ran_by="mallory", signature=decision.signature,
        )  # fmt: skip
        engine = create_engine(parse_url(self.url))
        with engine.begin() as connection:
            rows = Rows(connection)
            rows.add(seal(row, rows.tail()))
        engine.dispose()
        self.moved("approved")

    def moved(self, state: str) -> None:
        number = self.version.number
        execute(self.url, f"UPDATE position SET state = '{state}' WHERE version = {number}")

    def promoted(self) -> str:
        """Why the promotion was held; raises where it was not."""
        try:
            promotion.promote(
                self.store, self.version, mandatory=MANDATORY, judged_against=None,
                panel=self.panel, idempotency_key="promote", **BY_FLOW,
            )  # fmt: skip
        except Held as error:
            return str(error)
        raise Promoted


class Promoted(Exception):
    """What was forged serves."""


def unsigned(yard: Yard) -> None:
    yard.insert(yard.decision())


def by_a_stranger(yard: Yard) -> None:
    stranger = KeyRing(yard.keys.folder.parent / "strangers").signing_or_new()
    yard.insert(yard.signed_by(stranger, yard.decision()))


def by_the_promoter(yard: Yard) -> None:
    """With the key that signs releases, which every flow has."""
    promoter = KeyRing(yard.keys.folder.parent / "keys").signing_or_new()
    yard.insert(yard.signed_by(promoter, yard.decision()))


def by_another_reviewer(yard: Yard) -> None:
    """Rob, whose own key counts, in the name of rita."""
    yard.insert(yard.signed_by(yard.keys.signatory("Rob").key, yard.decision()))


def by_an_outsider(yard: Yard) -> None:
    """Olaf reviews another surface, and says that he reviews this one."""
    key = yard.keys.signatory("olaf").key
    decision = yard.decision("olaf")
    yard.insert(signed(yard.store, decision, (*REVIEWERS, "olaf"), key))


def of_another_time(yard: Yard) -> None:
    decision = yard.signed_by(yard.keys.signatory("rita").key, yard.decision())
    yard.insert(replace(decision, at=AT + timedelta(days=1)))


def of_a_rejection(yard: Yard) -> None:
    rejected = yard.decision(action="reject")
    decision = yard.signed_by(yard.keys.signatory("rita").key, rejected)
    yard.insert(replace(decision, action="approve"))


def of_other_bytes(yard: Yard) -> None:
    decision = yard.signed_by(yard.keys.signatory("rita").key, yard.decision())
    execute(
        yard.url,
        f"UPDATE release SET digest = '{'e' * 64}'",
        f"UPDATE position SET release = '{'e' * 64}'",
    )
    yard.insert(replace(decision, evidence=("e" * 64, *decision.evidence[1:])))


def by_a_revoked_key(yard: Yard) -> None:
    signatory = yard.keys.signatory("rita")
    yard.insert(yard.signed_by(signatory.key, yard.decision()))
    ring = yard.keys.ring_of("rita")
    ring.revoke(signatory.key.public.id, at=AT, reason="stolen")
    ring.generate(rotate=True)


def of_other_verdicts(yard: Yard) -> None:
    """Signed while a gate said something else than it does now."""
    yard.insert(yard.signed_by(yard.keys.signatory("rita").key, yard.decision()))
    execute(yard.url, "UPDATE verdict SET reason = 'much better' WHERE gate = 'quality'")


FORGERIES: dict[Callable[[Yard], None], tuple[str, bool]] = {
    unsigned: ("is not signed", True),
    by_a_stranger: ("revoked or was never trusted", True),
    by_the_promoter: ("revoked or was never trusted", True),
    by_another_reviewer: ("revoked or was never trusted", True),
    by_an_outsider: ("is no reviewer of feed", False),
    of_another_time: ("of another decision", True),
    of_a_rejection: ("of another decision", True),
    of_other_bytes: ("of another decision", True),
    by_a_revoked_key: ("revoked or was never trusted", False),
    of_other_verdicts: ("says another outcome", False),
}
"""What a promotion says of each, and whether the ledger alone shows it, so that an audit does."""


def opened(url: str, folder: Path, store: Store) -> Yard:
    version = bring(store, State.IN_REVIEW)
    return Yard(url, store, ReviewKeys(folder / "review"), version)


def believed(forge: Callable[[Yard], None], url: str, folder: Path) -> str:
    """What is wrong with what became of a forgery in an empty database: empty where it is refused."""
    told, in_ledger = FORGERIES[forge]
    with open_store(url) as store:
        yard = opened(url, folder, store)
        forge(yard)
        try:
            why = yard.promoted()
        except Promoted:
            return f"{forge.__name__}: promoted"
        known = ReviewKeys(yard.keys.folder, with_revoked=True)
        named = audit.audit(store, reviews=known)
    if told not in why or "cannot serve" not in why:
        return f"{forge.__name__}: held, but said {why}"
    if in_ledger and not any(told in each for each in named):
        return f"{forge.__name__}: the audit found only {named}"
    return ""


def failed_gate_served(url: str, folder: Path) -> str:
    """As the attack did it: a verdict that failed made a pass by SQL, then the way of every version.

    The review is honest, for the reviewer sees what the row says.
    """
    with open_store(url) as store:
        version = promotion.register(store, a_draft(), actor="ann", at=T0)
        failed = judged("quality", outcome=Outcome.FAIL)
        verdicts = [*judged("data", "leakage"), *failed]
        promotion.gate(store, version, verdicts, mandatory=MANDATORY, **BY_FLOW)
        yard = Yard(url, store, ReviewKeys(folder / "review"), version)
        execute(url, "UPDATE verdict SET outcome = 'pass', reason = 'quality says pass'")
        yard.moved("gated")
        packaged(store, version)
        submitted = promotion.submit(
            store, version, judged("replay"), mandatory=MANDATORY, **BY_FLOW
        )
        if submitted is not State.BLOCKED:
            return f"a failed gate that SQL made a pass went on to {submitted}"
        yard.moved("in_review")
        promotion.approve(
            store, version, by=yard.keys.signatory("rita"), panel=yard.panel,
            release=yard.release, reason="", at=AT,
        )  # fmt: skip
        try:
            why = yard.promoted()
        except Promoted:
            return "a failed gate that SQL made a pass serves"
    return "" if "says another outcome: fail" in why else f"held, but said {why}"


def all_of(place: Callable[[], Any]) -> Iterator[str]:
    """Each forgery in a database of its own."""
    for forge in FORGERIES:
        with place() as (url, folder):
            yield believed(forge, url, folder)
    with place() as (url, folder):
        yield failed_gate_served(url, folder)


def believes_any_row() -> tuple[Any, str, Any]:
    """G5: a row of the ledger is an approval, whoever wrote it."""
    return approvals, "_why_refused", lambda *_: None


def audits_no_review() -> tuple[Any, str, Any]:
    """G9: what is not signed is not named."""
    return audit, "audit_reviews", lambda *_: ()


def believes_the_outcome() -> tuple[Any, str, Any]:
    """G5: a verdict's row is not compared with its evidence."""
    return proof, "unfounded", lambda *_: None


MUTANTS = (believes_any_row, audits_no_review, believes_the_outcome)
