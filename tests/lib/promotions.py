"""Versions brought to a state of the promotion machine."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from sluice.data.atomic import write_atomically
from sluice.gates.judgement import Judgement
from sluice.registry import promotion
from sluice.registry.approvals import Panel
from sluice.registry.keys import PublicKey, SigningKey
from sluice.registry.review_keys import ReviewKeys, ReviewTrust, Signatory
from sluice.store.port import Store
from sluice.store.records import LedgerRow, Outcome, State, Version
from tests.lib.stores import T0, a_draft

MANDATORY = ("data", "leakage", "quality", "replay")
REVIEWERS = ("rita", "ann", "Rob")
KEY = SigningKey(derive_private_key(0x51_01CE, SECP256R1()))
"""Of every reviewer in these tests; one scalar, for children that are forked and started."""


@dataclass(frozen=True)
class Trust:
    """Review keys in memory, as `ReviewKeys` keeps them in a folder."""

    people: tuple[PublicKey, ...] = (KEY.public,)
    of_app: tuple[PublicKey, ...] = ()

    def own(self, reviewer: str) -> tuple[PublicKey, ...]:
        return self.people

    def app(self) -> tuple[PublicKey, ...]:
        return self.of_app


def signatory(name: str) -> Signatory:
    return Signatory(name, KEY)


TRUST = Trust()


def trust_in(review_keys: Path, *reviewers: str) -> None:
    """Have an installation's own keys count what these reviewers decide here."""
    for reviewer in reviewers:
        trusted = ReviewKeys(review_keys).ring_of(reviewer).folder / "trusted"
        write_atomically(trusted / f"{reviewer}.pub", KEY.public.pem)


def panel(
    approvers: int = 1,
    reviewers: Collection[str] = REVIEWERS,
    trust: ReviewTrust = TRUST,
) -> Panel:
    return Panel(reviewers, trust, approvers)


BY_FLOW = {"actor": "flow", "at": T0 + timedelta(minutes=1)}


def judged(*gates: str, outcome: Outcome = Outcome.PASS) -> list[Judgement]:
    return [
        Judgement(gate, outcome, f"{gate} says {outcome}", {"gate": gate}) for gate in gates
    ]


def release_of(version: Version) -> str:
    return f"{version.number:064x}"


def bring(store: Store, state: State, run: str = "run-1", surface: str = "feed") -> Version:
    """Register a version and take it to `state`, on the way that only passes."""
    version = promotion.register(store, a_draft(run, surface), actor="ann", at=T0)
    steps = {
        State.GATED: gate, State.PACKAGED: package, State.IN_REVIEW: submit,
        State.APPROVED: approve, State.CHAMPION_PROVISIONAL: promote, State.CHAMPION: confirm,
    }  # fmt: skip
    for reached, step in steps.items():
        if state is State.CANDIDATE:
            break
        step(store, version)
        if reached is state:
            break
    return version


def gate(store: Store, version: Version) -> State:
    passed = judged("data", "leakage", "quality")
    return promotion.gate(store, version, passed, mandatory=MANDATORY, **BY_FLOW)


def package(store: Store, version: Version) -> LedgerRow:
    return promotion.package(store, version, release_of(version), **BY_FLOW)


def submit(store: Store, version: Version) -> State:
    return promotion.submit(
        store, version, judged("replay"), mandatory=MANDATORY, **BY_FLOW
    )


def approve(store: Store, version: Version, reviewer: str = "rita") -> LedgerRow:
    return promotion.approve(
        store,
        version,
        by=signatory(reviewer),
        panel=panel(),
        release=release_of(version),
        reason="looks right",
        at=T0 + timedelta(hours=1),
    )


def reject(
    store: Store, version: Version, reviewer: str = "rita", reason: str = "no"
) -> LedgerRow:
    return promotion.reject(
        store, version, by=signatory(reviewer), panel=panel(), reason=reason, at=T0
    )


def promote(store: Store, version: Version, key: str | None = None) -> LedgerRow:
    serving = promotion.champion_of(store, version.surface)
    return promotion.promote(
        store,
        version,
        mandatory=MANDATORY,
        panel=panel(),
        judged_against=serving.release if serving else None,
        idempotency_key=key or f"promote:{version.surface}:{version.number}",
        **BY_FLOW,
    )


def confirm(store: Store, version: Version) -> LedgerRow:
    return promotion.confirm(store, version, reason="bake ended", **BY_FLOW)


def rollback(
    store: Store, surface: str = "feed", reason: str = "clicks fell", to: int | None = None
) -> LedgerRow:
    return promotion.rollback(store, surface, reason=reason, to=to, **BY_FLOW)
