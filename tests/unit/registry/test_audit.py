from dataclasses import replace

import pytest

from sluice.registry.audit import audit
from sluice.registry.pointer import Pointer, PointerReceiver, write_pointer
from sluice.registry.relay import relay
from sluice.store.ledger import head
from sluice.store.memory import MemoryStore
from sluice.store.records import Champion, LedgerRow, Position, State
from tests.lib.promotions import bring, rollback


@pytest.fixture
def store(tmp_path):
    store = MemoryStore()
    bring(store, State.CHAMPION, "a")
    bring(store, State.CHAMPION, "b")
    rollback(store)
    bring(store, State.CHAMPION_PROVISIONAL, "c")
    relay(store, [PointerReceiver(tmp_path)])
    return store


def test_an_untouched_store_agrees_with_everything(store, tmp_path):
    assert audit(store, pointers=tmp_path, heads=[head(store)]) == []


def test_an_empty_store_agrees(tmp_path):
    assert audit(MemoryStore(), pointers=tmp_path) == []


def edit(store, kind, key, **changes):
    store._records[kind][key] = replace(store._records[kind][key], **changes)


TAMPERINGS = {
    "champion": (lambda s: edit(s, Champion, ("feed",), release="mine"), "last move says otherwise"),
    "epoch": (lambda s: edit(s, Champion, ("feed",), epoch=9), "last move says otherwise"),
    "no champion": (lambda s: s._records[Champion].clear(), "no champion"),
    "second champion": (
        lambda s: edit(s, Position, ("feed", 2), state=State.CHAMPION), "stand as champion",
    ),
    "ledger": (lambda s: edit(s, LedgerRow, (5,), actor="eve"), "row 5 was edited"),
}  # fmt: skip


@pytest.mark.parametrize(("tamper", "found"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_was_changed_behind_the_back_is_found(store, tamper, found):
    tamper(store)

    assert any(found in problem for problem in audit(store))


def test_a_pointer_that_was_moved_removed_or_broken_is_found(store, tmp_path):
    file = tmp_path / "feed.json"
    found = []
    write_pointer(tmp_path, Pointer("feed", 1, "mine", 99))
    found += audit(store, pointers=tmp_path)
    file.write_text("{}")
    found += audit(store, pointers=tmp_path)
    file.unlink()
    found += audit(store, pointers=tmp_path)

    assert len(found) == 3
    assert "names release mine at epoch 99" in found[0]
    assert "is no serving pointer" in found[1]
    assert "run the relay" in found[2]
