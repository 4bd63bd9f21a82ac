"""The life of a canary: who may start one, that there is one at a time, how it ends, who hears of it."""

from dataclasses import replace

import pytest

from sluice.errors import Conflict, Held, IntegrityError, NotFound, Refused
from sluice.registry import canary
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.audit import audit
from sluice.registry.canary import canary_moves, canary_of
from sluice.registry.canary_arm import in_canary
from sluice.registry.canary_pointer import (
    CanaryPointer,
    CanaryReceiver,
    canary_path,
    read_canary_pointer,
    write_canary_pointer,
)
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import (
    DeliveryError,
    reconcile,
    reconcile_canaries,
    relay,
    relay_canaries,
)
from sluice.store.canary import Canary
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, OutboxRow, Position, State
from tests.lib.canaries import STARTED, beside_a_champion, start, stop
from tests.lib.promotions import bring, promote, release_of, rollback
from tests.lib.stores import T0


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def told(tmp_path):
    """Carries all moves to their pointers."""

    def tell(store):
        relay(store, [PointerReceiver(tmp_path)])
        relay_canaries(store, [CanaryReceiver(tmp_path)])

    return tell


def test_an_approved_version_serves_a_share_and_stays_approved(store, told, tmp_path):
    version = beside_a_champion(store)
    row = start(store, version)
    told(store)

    held = Canary("feed", 2, release_of(version), 0.05, 1, STARTED)
    assert canary_of(store, "feed") == held
    assert (row.action, row.actor, row.reason, row.epoch) == (
        "canary", "ann", "new features", None,
    )  # fmt: skip
    assert canary.terms_of(store, held)["share"] == 0.05
    assert canary.terms_of(store, held)["champion"]["version"] == 1
    assert store.get(Position, surface="feed", version=2).state is State.APPROVED
    assert read_canary_pointer(tmp_path, "feed") == CanaryPointer(
        "feed", 2, release_of(version), 1, 0.05
    )
    assert read_pointer(tmp_path, "feed").version == 1
    assert audit(store, pointers=tmp_path) == []


def test_it_ends_with_a_pointer_of_no_share_that_no_late_start_revives(
    store, told, tmp_path
):
    version = beside_a_champion(store)
    start(store, version)
    (late,) = [row for row in store.find(OutboxRow) if row.share]
    told(store)
    row = stop(store)
    told(store)

    assert not canary_of(store, "feed").runs
    assert (row.action, row.evidence) == ("canary_stop", (release_of(version),))
    assert read_canary_pointer(tmp_path, "feed").share == 0
    with pytest.raises(Conflict, match="too late"):
        CanaryReceiver(tmp_path).deliver(late)
    assert audit(store, pointers=tmp_path) == []


def test_asked_again_each_step_answers_as_the_first_time(store):
    version = beside_a_champion(store)

    assert start(store, version) == start(store, version)
    assert stop(store) == stop(store)
    assert len(canary_moves(store, "feed")) == 2
    assert start(store, version).sequence == len(store.find(LedgerRow))


def test_there_are_never_two(store):
    version = beside_a_champion(store)
    other = bring(store, State.APPROVED, "other")
    start(store, version)

    for second in (lambda: start(store, other), lambda: start(store, version, share=0.1)):
        with pytest.raises(Conflict, match="version 2 is the canary"):
            second()
    assert len(canary_moves(store, "feed")) == 1


@pytest.mark.parametrize(
    "state", [State.CANDIDATE, State.GATED, State.PACKAGED, State.IN_REVIEW]
)
def test_what_nobody_approved_is_refused_for_the_reasons_of_a_promotion(store, state):
    bring(store, State.CHAMPION, "champion")
    version = bring(store, state, "candidate")

    with pytest.raises(Held, match=r"cannot serve: .*"):
        start(store, version)
    with pytest.raises(Held) as promoted:
        promote(store, version)
    with pytest.raises(Held) as started:
        start(store, version)
    assert str(started.value) == str(promoted.value)
    assert canary_of(store, "feed") is None


def test_a_champion_is_no_canary_and_there_is_none_without_one(store):
    only = bring(store, State.APPROVED, "only")
    with pytest.raises(NotFound, match="no champion to compare"):
        start(store, only)
    promote(store, only)
    with pytest.raises(Refused, match="champion_provisional; a canary needs approved"):
        start(store, only)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_an_odd_share_is_refused(store, share):
    with pytest.raises(Refused, match="share above 0 and below 1"):
        start(store, beside_a_champion(store), share=share)


def test_a_withdrawal_is_sluices_own_and_names_its_evidence(store):
    start(store, beside_a_champion(store))
    held = canary_of(store, "feed")
    row = canary.withdraw(store, held, reason="worse", evidence="e" * 64, at=STARTED)

    assert (row.action, row.actor, row.evidence[1:]) == ("withdraw", "sluice", ("e" * 64,))
    assert canary_of(store, "feed").epoch == 2
    assert canary.withdraw(store, held, reason="worse", evidence="e" * 64, at=T0) == row


def test_what_was_judged_is_not_withdrawn_when_another_runs_meanwhile(store):
    version = beside_a_champion(store)
    start(store, version)
    judged = canary_of(store, "feed")
    stop(store)
    start(store, version)

    with pytest.raises(Conflict, match="epoch 3, judged was 1"):
        canary.withdraw(store, judged, reason="worse", evidence="e" * 64, at=STARTED)
    assert canary_of(store, "feed").runs


@pytest.mark.parametrize("move", ["itself", "another", "rollback"])
def test_it_ends_when_its_champion_serves_no_more(store, told, tmp_path, move):
    if move == "rollback":
        bring(store, State.CHAMPION, "before")
    version = beside_a_champion(store)
    start(store, version)
    assert canary.end_superseded(store, "feed", at=STARTED) is None

    if move == "itself":
        promote(store, version)
    elif move == "another":
        bring(store, State.CHAMPION_PROVISIONAL, "another")
    else:
        rollback(store)
    row = canary.end_superseded(store, "feed", at=STARTED)
    told(store)

    assert (row.action, row.actor) == ("canary_stop", "sluice")
    assert canary.end_superseded(store, "feed", at=STARTED) is None
    assert audit(store, pointers=tmp_path) == []


def test_mirrors_of_the_champion_never_hear_of_a_canary(store, tmp_path):
    start(store, beside_a_champion(store))
    relay(store, [PointerReceiver(tmp_path)])
    reconcile(store, [PointerReceiver(tmp_path)])

    assert read_pointer(tmp_path, "feed").version == 1
    assert read_canary_pointer(tmp_path, "feed") is None
    assert [row.share for row in store.find(OutboxRow, delivered=False)] == [0.05]
    assert [row.share for row in relay_canaries(store, [CanaryReceiver(tmp_path)])] == [
        0.05
    ]
    canary_path(tmp_path, "feed").unlink()
    reconcile_canaries(store, [CanaryReceiver(tmp_path)])
    assert read_canary_pointer(tmp_path, "feed").share == 0.05


def test_nobody_is_pointed_to_a_release_that_cannot_be_signed(store, tmp_path):
    start(store, beside_a_champion(store))
    keys = KeyRing(tmp_path / "keys")
    signer = Signer(store, tmp_path / "releases", tmp_path / "signatures", keys, T0)
    receiver = SignedPointer(signer, CanaryReceiver(tmp_path), "canary pointer")

    with pytest.raises(DeliveryError, match="canary pointer: epoch 1 of feed: no release"):
        relay_canaries(store, [receiver])
    assert read_canary_pointer(tmp_path, "feed") is None


def test_a_pointer_counts_only_as_it_was_signed(tmp_path):
    keys = KeyRing(tmp_path / "keys")
    pointer = CanaryPointer("feed", 2, "r2", 1, 0.05)
    write_canary_pointer(tmp_path, pointer, keys)
    path = canary_path(tmp_path, "feed")

    assert read_canary_pointer(tmp_path, "feed", keys) == pointer
    path.write_text(path.read_text().replace("0.05", "0.95", 1))
    with pytest.raises(IntegrityError, match="another pointer"):
        read_canary_pointer(tmp_path, "feed", keys)
    write_canary_pointer(tmp_path, replace(pointer, epoch=2), keys)
    assert read_canary_pointer(tmp_path, "feed", keys).epoch == 2


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"surface": "feed"}', "\0",
     '{"surface": "feed", "version": 1, "release": "r", "epoch": 1, "share": 1.0}',
     '{"surface": "feed", "version": 1, "release": "../r", "epoch": 1, "share": 0.5}',
     '{"surface": "ads", "version": 1, "release": "r", "epoch": 1, "share": 0.5}'],
)  # fmt: skip
def test_a_file_that_is_no_canary_pointer_is_an_integrity_error(tmp_path, text):
    canary_path(tmp_path, "feed").write_text(text)

    with pytest.raises(IntegrityError, match="canary pointer"):
        read_canary_pointer(tmp_path, "feed")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"share": 0.9}, "the ledger's last move of it says otherwise"),
        ({"epoch": 2}, "the ledger's last move of it says otherwise"),
        ({"release": "other"}, "the ledger's last move of it says otherwise"),
    ],
)
def test_a_canary_that_was_changed_past_the_ledger_is_found(store, told, changes, found):
    start(store, beside_a_champion(store))
    told(store)
    assert audit(store) == []
    store._write(replace(canary_of(store, "feed"), **changes))

    assert any(found in problem for problem in audit(store))


def test_a_pointer_that_says_otherwise_is_found(store, told, tmp_path):
    start(store, beside_a_champion(store))
    told(store)
    assert audit(store, pointers=tmp_path) == []
    write_canary_pointer(tmp_path, CanaryPointer("feed", 9, "r9", 9, 0.5))

    (problem,) = audit(store, pointers=tmp_path)
    assert "canary pointer gives release r9 share 0.5 at epoch 9" in problem
    canary_path(tmp_path, "feed").unlink()
    assert "no canary pointer" in audit(store, pointers=tmp_path)[0]


USERS = [f"user-{number}" for number in range(100_000)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5])
def test_the_share_is_exact(share):
    """A hash is chance: of one salt within four standard errors, of twenty together within 1e-3."""
    error = (share * (1 - share) / len(USERS)) ** 0.5
    shares = [
        sum(in_canary(user, share, f"release {salt}") for user in USERS) / len(USERS)
        for salt in range(20)
    ]

    assert max(abs(each - share) for each in shares) < 4 * error
    assert abs(sum(shares) / len(shares) - share) < 1e-3


def test_a_larger_share_keeps_everybody_and_other_releases_choose_others():
    chosen = {
        share: {u for u in USERS if in_canary(u, share, "r1")} for share in (0.02, 0.1, 0.6)
    }
    other = {u for u in USERS if in_canary(u, 0.1, "r2")}

    assert chosen[0.02] < chosen[0.1] < chosen[0.6]
    assert abs(len(chosen[0.1] & other) / len(other) - 0.1) < 0.015
    assert not any(in_canary(user, 0.0, "r1") for user in USERS[:1000])
    assert all(in_canary(user, 1.0, "r1") for user in USERS[:1000])


def test_who_is_chosen_never_changes():
    """A worker of another release of Sluice must put everybody where this one does."""
    first = [user for user in USERS if in_canary(user, 0.0001, "r1")]

    assert first == WERE_CHOSEN


WERE_CHOSEN = [
    f"user-{number}" for number in (12984, 19568, 78708, 80943, 87984, 93424, 95543)
]
