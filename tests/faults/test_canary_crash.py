"""Kill -9 at the points of a canary's start and of its withdrawal: after the restart all agree."""

from datetime import timedelta
from functools import partial

import pytest

from sluice.registry import canary
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.audit import audit
from sluice.registry.canary import canary_moves, canary_of
from sluice.registry.canary_pointer import CanaryReceiver, read_canary_pointer
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import PointerReceiver
from sluice.registry.relay import relay, relay_canaries
from sluice.store.records import Document, OutboxRow
from sluice.store.sql import SqlStore
from tests.lib import promotions
from tests.lib.canaries import STARTED, beside_a_champion, start
from tests.lib.crash_mutants import DualWrite
from tests.lib.crash_points import Point
from tests.lib.crashes import Folders, Trap
from tests.lib.forked import Child
from tests.lib.releases import small_release

pytestmark = pytest.mark.faults

POINTS = (
    Point.READ, Point.BEGIN, Point.LEASE, Point.LEDGER, Point.OUTBOX, Point.COMMIT,
    Point.COMMITTED, Point.POINTER_TORN, Point.POINTER_UNNAMED, Point.POINTER_NAMED,
    Point.POINTER_SYNCED, Point.ACK, Point.ACKED,
)  # fmt: skip
COMMITTED = POINTS.index(Point.COMMITTED)


@pytest.fixture
def place(tmp_path, monkeypatch):
    releases = {number: small_release(tmp_path / "releases", number) for number in (1, 2)}
    monkeypatch.setattr(promotions, "release_of", lambda each: releases[each.number])
    return tmp_path


def tell(store, place):
    keys = KeyRing(place / "keys")
    signer = Signer(store, place / "releases", place / "signatures", keys, STARTED)
    relay(store, [SignedPointer(signer, PointerReceiver(place / "serving"))])
    receiver = SignedPointer(signer, CanaryReceiver(place / "serving"), "canary pointer")
    relay_canaries(store, [receiver])


def begin(store):
    from sluice.registry.moves import version_of

    start(store, version_of(store, "feed", 2))


def withdraw(store):
    evidence = store.put(Document.of("canary.look", {"verdict": "worse"}, STARTED)).digest
    at = STARTED + timedelta(hours=1)
    canary.withdraw(
        store, canary_of(store, "feed"), reason="worse", evidence=evidence, at=at
    )


def die(place, url, operation, kind, point, say):
    with kind.open(url) as store:
        trap = Trap(point)
        trap.watch_files(Folders(place / "heads", place / "signatures", place / "serving"))
        trap.watch_store(store)
        if operation is withdraw:
            begin(store)
            tell(store, place)
        store.transition = partial(arm_and_move, trap, store)
        operation(store)
        tell(store, place)
        say(f"met {[each.name for each in trap.met]}")


def arm_and_move(trap, store, transition):
    """The documents before the move are put in transactions of their own, which are no points."""
    trap.armed = True
    return SqlStore.transition(store, transition)


def restart(place, url, operation, say):
    """What the next run does: what was cut short is told, and then it is asked for again."""
    with SqlStore.open(url) as store:
        tell(store, place)
        before = canary_of(store, "feed")
        say((len(canary_moves(store, "feed")), audit(store, pointers=place / "serving")))
        if operation is begin or (before and before.runs):
            operation(store)
        tell(store, place)
        held, pointer = (
            canary_of(store, "feed"),
            read_canary_pointer(place / "serving", "feed"),
        )
        say((held.share, held.epoch, pointer.share, pointer.epoch))
        say(len(store.find(OutboxRow, delivered=False)))
        say((len(canary_moves(store, "feed")), audit(store, pointers=place / "serving")))


def told_after(place, operation, point, kind=SqlStore):
    """What the restart said; None where nobody died at that point."""
    url = f"sqlite:///{place / 'sluice.db'}"
    with SqlStore.open(url) as store:
        beside_a_champion(store)
        tell(store, place)
    ended = Child.start(partial(die, place, url, operation, kind, point)).end()
    assert ended.is_killed, ended.said
    return Child.start(partial(restart, place, url, operation)).end().said


@pytest.mark.parametrize("operation", [begin, withdraw])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_leaves_one_canary_that_all_agree_on(place, operation, point):
    moves = 1 if operation is begin else 2
    share = 0.05 if operation is begin else 0.0

    found = told_after(place, operation, point)

    at_restart = moves if POINTS.index(point) >= COMMITTED else moves - 1
    assert found == (
        (at_restart, []),
        (share, moves, share, moves),
        0,
        (moves, []),
    )


def test_a_build_that_writes_the_outbox_row_later_is_caught(place):
    """The same death with the row in a transaction of its own: the pointer never hears of it."""
    found = told_after(place, begin, Point.COMMITTED, DualWrite)

    assert found[0][1] != []
