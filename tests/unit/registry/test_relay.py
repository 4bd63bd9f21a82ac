import pytest

from sluice.errors import Conflict
from sluice.registry.pointer import Pointer, PointerReceiver, read_pointer, write_pointer
from sluice.registry.relay import DeliveryError, reconcile, relay
from sluice.store.memory import MemoryStore
from sluice.store.records import OutboxRow, State
from tests.lib.promotions import bring, release_of, rollback


class Mirror:
    """A receiver that can be down, and fences by epoch as the pointer does."""

    def __init__(self):
        self.name, self.down, self.missing, self.epochs = "mirror", False, 0, []

    def deliver(self, row):
        self.missing -= 1
        if self.down or self.missing == 0:
            raise ConnectionError("nobody answers")
        if self.epochs and row.epoch < self.epochs[-1]:
            raise Conflict(f"is at epoch {self.epochs[-1]}")
        self.epochs.append(row.epoch)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def file(tmp_path):
    return PointerReceiver(tmp_path)


def test_every_receiver_hears_every_move_in_order(store, file, tmp_path):
    bring(store, State.CHAMPION, "a")
    bring(store, State.CHAMPION, "b")
    mirror = Mirror()

    assert [row.epoch for row in relay(store, [file, mirror])] == [1, 2]
    assert mirror.epochs == [1, 2]
    assert read_pointer(tmp_path, "feed").epoch == 2
    assert store.find(OutboxRow, delivered=False) == ()
    assert relay(store, [file, mirror]) == ()


def test_what_one_receiver_did_not_take_is_reported_and_sent_again(store, file):
    bring(store, State.CHAMPION, "a")
    mirror = Mirror()
    mirror.down = True

    with pytest.raises(DeliveryError, match="mirror: epoch 1 of feed: nobody answers"):
        relay(store, [file, mirror])
    assert [row.delivered for row in store.find(OutboxRow)] == [False]

    mirror.down = False
    relay(store, [file, mirror])
    assert mirror.epochs == [1]
    assert [row.delivered for row in store.find(OutboxRow)] == [True]


def test_a_receiver_that_missed_a_move_hears_no_later_one_before_it(store):
    bring(store, State.CHAMPION, "a")
    bring(store, State.CHAMPION, "b")
    mirror = Mirror()
    mirror.missing = 1

    with pytest.raises(DeliveryError, match="epoch 1"):
        relay(store, [mirror])
    assert mirror.epochs == []

    relay(store, [mirror])
    assert mirror.epochs == [1, 2]


@pytest.mark.parametrize("first", [True, False])
def test_serving_follows_a_rollback_while_a_mirror_is_down(store, file, tmp_path, first):
    good = bring(store, State.CHAMPION, "a")
    mirror = Mirror()
    mirror.down = True
    receivers = [mirror, file] if first else [file, mirror]
    with pytest.raises(DeliveryError):
        relay(store, receivers)
    bring(store, State.CHAMPION, "b")
    rollback(store)

    with pytest.raises(DeliveryError):
        relay(store, receivers)
    assert read_pointer(tmp_path, "feed") == Pointer("feed", 1, release_of(good), 3)

    mirror.down = False
    assert [row.epoch for row in relay(store, receivers)] == [1, 2, 3]
    assert mirror.epochs == [1, 2, 3]


def test_a_receiver_ahead_of_the_store_is_reported(store, file, tmp_path):
    """As after a restore of an old backup: the pointer must not be taken for delivered."""
    bring(store, State.CHAMPION)
    write_pointer(tmp_path, Pointer("feed", 9, "r9", 9))

    with pytest.raises(DeliveryError, match="too late"):
        relay(store, [file])
    assert len(store.find(OutboxRow, delivered=False)) == 1


def test_a_lost_pointer_is_put_back(store, file, tmp_path):
    bring(store, State.CHAMPION)
    bring(store, State.CHAMPION, surface="ads")
    relay(store, [file])
    (tmp_path / "feed.json").unlink()

    reconcile(store, [file])
    assert read_pointer(tmp_path, "feed").epoch == 1


def test_a_pointer_to_other_bytes_is_reported_not_overwritten(store, file, tmp_path):
    bring(store, State.CHAMPION)
    write_pointer(tmp_path, Pointer("feed", 1, "other bytes", 1))

    with pytest.raises(DeliveryError, match="other bytes"):
        reconcile(store, [file])


def test_one_surface_that_is_stuck_does_not_hold_up_another(store, file, tmp_path):
    bring(store, State.CHAMPION)
    bring(store, State.CHAMPION, surface="ads")
    (tmp_path / "feed.json").write_text("{}")

    with pytest.raises(DeliveryError, match=r"feed\.json"):
        relay(store, [file])
    assert read_pointer(tmp_path, "ads").epoch == 1
    assert [row.surface for row in store.find(OutboxRow, delivered=False)] == ["feed"]
