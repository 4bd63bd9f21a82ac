"""What is promoted is signed before servers are pointed to it, once, and with what decided it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sluice.errors import Refused
from sluice.registry import promotion
from sluice.registry.attestation import COMMIT_STEP, SignedPointer, Signer
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import DeliveryError, reconcile, relay
from sluice.registry.signature import Signed, check_signature, signature_path
from sluice.serving.custody import check_bytes
from sluice.serving.trust import signed_files
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, Outcome, State, Step, Version
from tests.lib import promotions
from tests.lib.promotions import bring, confirm, judged, promote, rollback
from tests.lib.releases import small_release
from tests.lib.stores import T0


@dataclass
class Room:
    """A store and real releases, over which versions are promoted and signed."""

    folder: Path
    store: MemoryStore
    releases: dict[int, str]

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.folder / "keys")

    @property
    def signer(self) -> Signer:
        return Signer(
            self.store, self.folder / "releases", self.folder / "signatures", self.keys, T0
        )

    @property
    def receiver(self) -> SignedPointer:
        return SignedPointer(self.signer, PointerReceiver(self.folder / "serving"))

    def approved(self, run: str) -> Version:
        return bring(self.store, State.APPROVED, run)

    def promoted(self, run: str) -> str:
        version = self.approved(run)
        promote(self.store, version)
        relay(self.store, [self.receiver])
        confirm(self.store, version)
        return self.releases[version.number]

    def pointed(self) -> str | None:
        pointer = read_pointer(self.folder / "serving", "feed")
        return pointer and pointer.release

    def signed(self, release: str) -> Signed:
        manifest = check_bytes(self.folder / "releases" / release, release)
        path = signature_path(self.folder / "signatures", release)
        return check_signature(path, release, signed_files(manifest), self.keys.trusted())


@pytest.fixture
def room(tmp_path, monkeypatch):
    releases = {n: small_release(tmp_path / "releases", n) for n in (1, 2)}
    monkeypatch.setattr(promotions, "release_of", lambda each: releases[each.number])
    return Room(tmp_path, MemoryStore(), releases)


def test_a_promotion_signs_what_decided_it_and_then_points(room):
    release = room.promoted("a")

    claims = room.signed(release).claims
    (approval,) = room.store.find(LedgerRow, action="approve")
    assert room.pointed() == release
    assert claims["release"] == release
    assert claims["provenance"]["snapshot"] == "1" * 64
    assert claims["provenance"].keys() >= {"code", "lock", "spec", "evidence"}
    assert {each["gate"] for each in claims["gates"]} == set(promotions.MANDATORY)
    assert {each["outcome"] for each in claims["gates"]} == {"pass"}
    assert claims["reviews"] == [
        {"reviewer": "rita", "at": approval.at.isoformat(), "ledger": approval.sequence, "hash": approval.hash}
    ]  # fmt: skip
    assert claims["waivers"] == []
    assert claims["signed_at"] == T0.isoformat()


def test_the_signature_says_who_waived_what_why_and_until_when(room):
    version = bring(room.store, State.CANDIDATE, "a")
    gates = [*judged("data", "leakage"), *judged("quality", outcome=Outcome.FAIL)]
    given = {"mandatory": promotions.MANDATORY, **promotions.BY_FLOW}
    promotion.gate(room.store, version, gates, **given)
    until = T0 + timedelta(days=2)
    row = promotion.waive(
        room.store, version, "quality", by=promotions.signatory("rita"), panel=promotions.panel(),
        reason="a thin week", until=until, at=T0,
    )  # fmt: skip
    promotion.gate(room.store, version, (), **given)
    for step in (promotions.package, promotions.submit, promotions.approve, promote):
        step(room.store, version)
    relay(room.store, [room.receiver])

    claims = room.signed(room.releases[1]).claims
    assert {each["gate"]: each["outcome"] for each in claims["gates"]}["quality"] == "fail"
    assert claims["waivers"] == [
        {"gate": "quality", "by": "rita", "reason": "a thin week", "until": until.isoformat(), "terms": row.evidence[0]}
    ]  # fmt: skip


COMMIT = {"id": "ab" * 20, "found": "its git work tree", "dirty": False}


def note(room, version, run, key="k"):
    outcome = {"run": run, "commit": COMMIT}
    step = Step(
        key, "retrain", COMMIT_STEP, version.surface, version.snapshot, outcome, 0.0, T0
    )
    room.store.put(step)


def test_the_signature_names_the_commit_that_trained_it(room):
    version = room.approved("a")
    note(room, version, version.run)
    promote(room.store, version)
    relay(room.store, [room.receiver])

    assert room.signed(room.releases[1]).claims["commit"] == COMMIT


def test_where_no_commit_was_noted_the_signature_says_so(room):
    version = room.approved("a")
    note(room, version, "the run of another version")
    promote(room.store, version)
    relay(room.store, [room.receiver])

    commit = room.signed(room.releases[1]).claims["commit"]
    assert (commit["id"], commit["found"]) == (None, "not noted when it was trained")


def test_a_second_telling_leaves_the_signature_as_it_is(room):
    release = room.promoted("a")
    path = signature_path(room.folder / "signatures", release)
    before = path.read_bytes()
    reconcile(room.store, [room.receiver])

    assert path.read_bytes() == before


@pytest.mark.parametrize("lost", ["removed", "damaged"])
def test_a_signature_that_is_gone_is_made_again(room, lost):
    release = room.promoted("a")
    path = signature_path(room.folder / "signatures", release)
    path.unlink() if lost == "removed" else path.write_text("{}")
    reconcile(room.store, [room.receiver])

    assert room.signed(release).release == release


def test_after_a_revocation_the_new_key_signs_the_champion(room):
    release = room.promoted("a")
    room.keys.revoke(room.signed(release).key, at=T0, reason="stolen")
    with pytest.raises(DeliveryError, match="revoked"):
        reconcile(room.store, [room.receiver])
    new = room.keys.generate(rotate=True)
    reconcile(room.store, [room.receiver])

    assert room.signed(release).key == new.id


def test_a_rollback_needs_the_key_for_its_pointer_and_makes_no_other(room):
    first, second = room.promoted("a"), room.promoted("b")
    kept = room.keys.private.rename(room.keys.folder / "elsewhere")
    rollback(room.store)
    with pytest.raises(DeliveryError, match="no key in"):
        relay(room.store, [room.receiver])
    assert room.pointed() == second
    assert not room.keys.private.exists()

    kept.rename(room.keys.private)
    relay(room.store, [room.receiver])
    assert room.pointed() == first


def test_a_rollback_to_a_release_from_before_signing_signs_it(room):
    first, _ = room.promoted("a"), room.promoted("b")
    signature_path(room.folder / "signatures", first).unlink()
    rollback(room.store)
    relay(room.store, [room.receiver])

    assert room.signed(first).claims["provenance"]["version"] == 1


def test_nothing_is_pointed_to_that_cannot_be_signed(room):
    version = room.approved("a")
    promote(room.store, version)
    manifest = room.folder / "releases" / room.releases[1] / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_text(json.dumps(json.loads(content) | {"format": 99}))
    with pytest.raises(DeliveryError, match="is not the manifest of release"):
        relay(room.store, [room.receiver])
    assert room.pointed() is None

    manifest.write_bytes(content)
    relay(room.store, [room.receiver])
    assert room.pointed() == room.releases[1]


def test_a_missing_release_is_not_signed(room):
    promote(room.store, room.approved("a"))
    (room.folder / "releases").rename(room.folder / "elsewhere")

    with pytest.raises(DeliveryError, match="cannot be signed"):
        relay(room.store, [room.receiver])


def test_what_nobody_approved_is_not_signed(room):
    bring(room.store, State.IN_REVIEW, "a")

    with pytest.raises(Refused, match="not approved"):
        room.signer.ensure_signed("feed", 1, room.releases[1])
    assert not (room.folder / "signatures").exists()
