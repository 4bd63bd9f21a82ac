"""A password that somebody else set is a ledger row, and holds its account's decisions for a while."""

from datetime import timedelta

import pytest

from sluice.errors import Refused
from sluice.registry.account_holds import (
    Account,
    ensure_free,
    mark_of,
    note_own,
    note_reset,
)
from sluice.registry.audit import audit
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, State
from tests.lib import promotions as lib
from tests.lib.stores import T0

DAY = timedelta(days=1)
OLD, NEW = Account("rita", mark_of("old")), Account("Rita", mark_of("new"))


@pytest.fixture
def store():
    store = MemoryStore()
    lib.bring(store, State.IN_REVIEW)
    ensure_free(store, "feed", OLD, hold=DAY, at=T0)
    return store


def free(store, account=NEW, at=T0, surface="feed"):
    try:
        ensure_free(store, surface, account, hold=DAY, at=at)
    except Refused as error:
        return str(error)
    return ""


def test_a_reset_is_a_ledger_row_and_holds_until_the_declared_time_is_over(store):
    (row,) = note_reset(store, NEW, ["feed", "empty"], by="admin", at=T0)

    assert (row.action, row.actor, row.before, row.after) == (
        "account", "admin", "in_review", "in_review",
    )  # fmt: skip
    assert row.reason == "set the password of Rita"
    assert "admin set the password of 'Rita' at 2024-05-01T12:00:00+00:00" in free(store)
    assert "are held until 2024-05-02T12:00:00" in free(
        store, at=T0 + DAY - timedelta(seconds=1)
    )
    assert free(store, at=T0 + DAY) == ""
    assert note_reset(store, NEW, ["feed"], by="admin", at=T0 + DAY) == (row,)
    assert audit(store, reviews=lib.TRUST) == []


def test_nobody_else_is_held(store):
    note_reset(store, NEW, ["feed"], by="admin", at=T0)

    assert free(store, Account("rob", mark_of("x"))) == ""


def test_a_password_that_nobody_saw_being_set_is_noticed_at_the_next_decision(store):
    """Set in the database of accounts, or by deleting the account and making it again."""
    assert "somebody past MLflow's pages set the password" in free(store)

    (row,) = store.find(LedgerRow, action="account")
    assert row.at == T0
    assert free(store, at=T0 + DAY) == ""
    assert free(store, OLD, at=T0 + DAY) == ""


def test_an_own_new_password_holds_nothing(store):
    note_own(store, NEW, ["feed"], T0)

    assert free(store) == ""
    assert store.find(LedgerRow, action="account") == ()


def test_a_reset_before_there_is_any_version_is_noticed_at_the_first_decision():
    store = MemoryStore()
    assert note_reset(store, NEW, ["feed"], by="admin", at=T0) == ()

    lib.bring(store, State.IN_REVIEW)
    assert "set the password of 'Rita'" in free(store)
