"""Rows vouch for the records beside the ledger; what no row vouches for is counted, never passed over."""

from dataclasses import replace
from typing import Any

import pytest

from sluice.registry.audit import audit
from sluice.registry.coverage import coverage
from sluice.registry.moves import version_of
from sluice.store import change
from sluice.store.ledger import row_hash
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, Position, State, Verdict
from tests.lib.promotions import approve, bring, promote, rollback


@pytest.fixture
def old_store(monkeypatch):
    """A store whose rows are from before they vouched for anything."""
    store = MemoryStore()
    with monkeypatch.context() as patch:
        patch.setattr(change, "_vouched", lambda decided, _: decided)
        bring(store, State.CHAMPION, "a")
        bring(store, State.IN_REVIEW, "b")
    return store


def edit(store, kind, key, **changes):
    store._records[kind][key] = replace(store._records[kind][key], **changes)


def test_every_record_of_a_new_store_is_vouched_for():
    store = MemoryStore()
    bring(store, State.CHAMPION, "a")
    bring(store, State.CHAMPION_PROVISIONAL, "b")
    rollback(store)

    found = coverage(store)
    assert (found.problems, found.uncovered, found.rows_before) == ((), (), 0)
    assert found.covered > 20


def test_a_row_from_before_has_the_hash_that_it_had(old_store):
    first = old_store.get(LedgerRow, sequence=1)

    assert first.covers is None
    assert first.hash == row_hash(first)
    assert audit(old_store) == []


def test_an_old_store_is_counted_as_not_covered_and_never_as_whole(old_store):
    edit(old_store, Verdict, ("feed", 1, "quality"), reason="fine")

    found = coverage(old_store)
    assert found.problems == ()
    assert (found.covered, found.rows_before) == (0, len(old_store.find(LedgerRow)))
    assert "Verdict feed 1 quality" in found.uncovered


def test_an_old_store_is_vouched_for_from_its_next_row_on(old_store):
    version = version_of(old_store, "feed", 2)
    approve(old_store, version)
    promote(old_store, version)
    assert audit(old_store) == []

    edit(old_store, Verdict, ("feed", 2, "quality"), reason="fine")
    assert audit(old_store) == [
        "Verdict feed 2 quality: is not what ledger row "
        f"{len(old_store.find(LedgerRow))} vouches for: it was changed"
    ]


def test_a_row_that_vouches_for_nothing_after_one_that_does_is_named(
    old_store, monkeypatch
):
    bring(old_store, State.CANDIDATE, "c")
    monkeypatch.setattr(change, "_vouched", lambda decided, _: decided)
    bring(old_store, State.CANDIDATE, "d")

    (problem,) = audit(old_store)
    assert "vouches for nothing, and rows before it do" in problem


def test_a_row_that_is_written_while_it_is_read_raises_no_false_alarm():
    class Busy(MemoryStore):
        """Another version is promoted between the ledger's reading and the positions'."""

        moves = 2

        def find(self, kind: Any, **equals: object) -> tuple[Any, ...]:
            if kind is Position and not equals and self.moves:
                self.moves -= 1
                bring(self, State.CHAMPION, f"meanwhile {self.moves}")
            return super().find(kind, **equals)

    store = Busy()
    bring(store, State.CHAMPION, "a")

    assert coverage(store).problems == ()
