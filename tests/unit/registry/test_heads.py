"""Ledger heads outside the store: exported once, signed, and read back with what does not count."""

import json

import pytest

from sluice.errors import IntegrityError, NotFound
from sluice.registry.bundle import sealed
from sluice.registry.heads import PAYLOAD_TYPE, export_head, read_heads
from sluice.registry.keys import KeyRing
from sluice.store.ledger import head
from sluice.store.memory import MemoryStore
from tests.lib.stores import T0, register


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "keys")


@pytest.fixture
def store():
    store = MemoryStore()
    register(store, "a")
    return store


def test_heads_are_read_back_oldest_first(store, ring, tmp_path):
    first = export_head(store, tmp_path / "heads", ring, T0)
    register(store, "b")
    second = export_head(store, tmp_path / "heads", ring, T0)

    found, problems = read_heads(tmp_path / "heads", ring.known())
    assert found == (first, second)
    assert problems == ()
    assert second.head == head(store)


def test_the_same_head_is_exported_once(store, ring, tmp_path):
    first = export_head(store, tmp_path / "heads", ring, T0)
    before = first.path.read_bytes()
    ring.generate(rotate=True)

    assert export_head(store, tmp_path / "heads", ring, T0.replace(year=2025)) == first
    assert first.path.read_bytes() == before


def test_an_empty_ledger_has_no_head(ring, tmp_path):
    with pytest.raises(NotFound, match="empty"):
        export_head(MemoryStore(), tmp_path / "heads", ring, T0)
    assert read_heads(tmp_path / "heads", ring.known()) == ((), ())


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"sequence": 1, "at": "now"}, "no ledger head"),
        ([1], "no ledger head"),
        ({"sequence": "one", "hash": "h", "at": "now"}, "no ledger head"),
    ],
)
def test_a_signed_file_that_is_no_head_is_named(ring, tmp_path, payload, said):
    folder = tmp_path / "heads"
    folder.mkdir()
    content = sealed(PAYLOAD_TYPE, json.dumps(payload).encode(), ring.signing_or_new())
    (folder / "odd.json").write_bytes(content)
    found, (problem,) = read_heads(folder, ring.known())

    assert found == ()
    assert "odd.json" in problem
    assert said in problem


def test_a_head_that_was_altered_or_signed_by_a_stranger_is_named(store, ring, tmp_path):
    exported = export_head(store, tmp_path / "heads", ring, T0)
    register(store, "b")
    export_head(store, tmp_path / "heads", KeyRing(tmp_path / "strangers"), T0)
    exported.path.write_bytes(b"{}")

    found, problems = read_heads(tmp_path / "heads", ring.known())
    assert found == ()
    assert ["no signed bundle" in problems[0], "never trusted" in problems[1]] == [
        True,
        True,
    ]
    register(store, "c")
    assert export_head(store, tmp_path / "heads", ring, T0).head.sequence == 3


def test_a_damaged_file_of_the_newest_head_is_not_passed_over(store, ring, tmp_path):
    export_head(store, tmp_path / "heads", ring, T0).path.write_bytes(b"{}")

    with pytest.raises(IntegrityError, match="no signed bundle"):
        export_head(store, tmp_path / "heads", ring, T0)


def test_heads_of_a_revoked_key_still_ask_of_the_ledger(store, ring, tmp_path):
    exported = export_head(store, tmp_path / "heads", ring, T0)
    ring.revoke(ring.signing().public.id, at=T0, reason="stolen")

    assert read_heads(tmp_path / "heads", ring.known()) == ((exported,), ())
