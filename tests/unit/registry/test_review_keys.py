"""Whose key counts for whom, and who may make one."""

import os

import pytest

from sluice.errors import NotFound, Refused
from sluice.registry.keys import KeyRing
from sluice.registry.promotion import reject
from sluice.registry.review_audit import audit_reviews
from sluice.registry.review_keys import ReviewKeys
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, State
from tests.lib import promotions as lib
from tests.lib.promotions import bring, panel, signatory
from tests.lib.stores import T0, a_draft


@pytest.fixture
def keys(tmp_path):
    return ReviewKeys(tmp_path / "review")


def test_a_key_is_made_at_its_first_use_and_counts_for_its_person_alone(keys):
    key = keys.signatory("Rita ").key

    assert keys.signatory("rita").key.public == key.public
    assert keys.own("RITA") == (key.public,)
    assert keys.own("rob") == keys.app() == ()
    assert keys.ring_of("rita").private.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["..", ".", "../../app", "a/b", "Zoë", "rita@x.org"])
def test_a_name_is_never_another_folder(keys, name):
    folder = keys.ring_of(name).folder

    assert folder.parent == keys.folder / "people"
    assert folder.name not in {"", ".", ".."}
    keys.signatory(name)
    assert [each.casefold() for each in keys.rings()] == [name.casefold()]


def test_nobody_has_no_key(keys):
    with pytest.raises(Refused, match="without a name"):
        keys.signatory(" ")


def test_a_first_key_is_made_by_the_owner_of_the_folder_only(keys, monkeypatch):
    keys.folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: keys.folder.stat().st_uid + 1)

    with pytest.raises(Refused, match="no key of 'rita' is trusted, and another account"):
        keys.signatory("rita")


def test_a_key_that_lies_elsewhere_is_trusted_by_its_public_part(keys, tmp_path):
    elsewhere = KeyRing(tmp_path / "ritas")
    key = elsewhere.signing_or_new()
    (public,) = (elsewhere.folder / "trusted").glob("*.pub")

    keys.trust("rita", public)

    assert keys.own("rita") == (key.public,)
    with pytest.raises(Refused, match=r"is not in .* name the folder where it lies"):
        keys.signatory("rita")
    with pytest.raises(NotFound):
        keys.trust("rita", tmp_path / "none.pub")


def test_a_key_that_does_not_count_is_refused_before_anything_is_written(keys):
    store = MemoryStore()
    version = bring(store, State.IN_REVIEW)
    rows = store.find(LedgerRow)

    with pytest.raises(Refused, match="does not count for 'rita'"):
        reject(
            store,
            version,
            by=signatory("rita"),
            panel=panel(trust=keys),
            reason="no",
            at=T0,
        )
    assert store.find(LedgerRow) == rows


def test_the_apps_key_signs_for_whoever_has_signed_in(keys):
    from sluice.registry.review_keys import Signatory

    store = MemoryStore()
    version = bring(store, State.IN_REVIEW)
    by = Signatory("rita", keys.app_ring.signing_or_new())

    reject(store, version, by=by, panel=panel(trust=keys), reason="no", at=T0)
    assert list(audit_reviews(store, store.find(LedgerRow), keys)) == []


def test_what_was_decided_before_reviews_were_signed_is_asked_for_again_where_it_waits():
    store = MemoryStore()
    version = bring(store, State.APPROVED)
    unsign(store)

    (problem,) = audit_reviews(store, store.find(LedgerRow), lib.TRUST)
    assert "made before reviews were signed" in problem
    first = lib.approve(store, version)
    assert (first.before, first.after) == ("approved", "approved")
    assert lib.promote(store, version).epoch == 1
    assert list(audit_reviews(store, store.find(LedgerRow), lib.TRUST)) == []


def test_what_is_done_with_stays_unsigned_but_nothing_newer_does():
    store = MemoryStore()
    bring(store, State.CHAMPION)
    unsign(store)
    assert list(audit_reviews(store, store.find(LedgerRow), lib.TRUST)) == []

    store.register(a_draft("run-2"), actor="ann", role="trainer", at=T0)
    bring(store, State.CHAMPION, "run-2")
    unsign(store, version=2, ran_by="mallory")
    (problem,) = audit_reviews(store, store.find(LedgerRow), lib.TRUST)
    assert "ledger row" in problem


def unsign(store, ran_by=None, **which):
    """As an older Sluice wrote it."""
    from dataclasses import replace

    for row in store.find(LedgerRow, **which):
        store._write(replace(row, signature=None, ran_by=ran_by))
