"""Who ran it counts beside who was named: neither the name nor the account of an author reviews."""

import pytest

from sluice.errors import Held, Refused
from sluice.registry import promotion
from sluice.registry.approvals import authors
from sluice.registry.audit import audit
from sluice.registry.review_keys import Signatory
from sluice.store.memory import MemoryStore
from sluice.store.os_user import os_user
from sluice.store.records import LedgerRow
from tests.lib import promotions as lib
from tests.lib.promotions import KEY, Trust, panel
from tests.lib.stores import T0, a_draft


class At(MemoryStore):
    """A store that is asked from somebody's account."""

    account = "service"

    def session(self):
        return self.account


@pytest.fixture
def store():
    return At()


def in_review(store, account, author="ann"):
    """A version that was trained from the account under the name of `author`."""
    store.account = account
    draft = a_draft(author=author)
    version = promotion.register(store, draft, actor=author, at=T0)
    for step in (lib.gate, lib.package, lib.submit):
        step(store, version)
    return version


def test_whose_account_ran_the_training_does_not_review_it(store):
    version = in_review(store, "Rita")

    assert authors(store, version) == {"ann", "rita"}
    store.account = "desk"
    with pytest.raises(Refused, match="'rita' made version 1"):
        lib.approve(store, version, "rita")
    assert lib.approve(store, version, "Rob").after == "approved"


def test_an_author_does_not_sign_from_the_own_account_in_a_reviewers_name(store):
    version = in_review(store, "service", author="anna")
    store.account = "anna"

    with pytest.raises(Refused, match="the account 'anna' made version 1"):
        lib.approve(store, version, "rita")


def test_a_reviewer_who_trained_under_another_name_does_not_sign_for_a_third(store):
    version = in_review(store, "Rob", author="zoe")

    with pytest.raises(Refused, match="the account 'Rob' made version 1"):
        lib.approve(store, version, "rita")


def test_a_services_account_that_all_work_through_says_nothing(store):
    version = in_review(store, "service")

    lib.approve(store, version, "rita")
    assert lib.promote(store, version).epoch == 1
    assert audit(store, reviews=lib.TRUST) == []


def test_in_mlflow_the_person_has_signed_in_and_the_apps_account_is_nobodys(store):
    version = in_review(store, "service", author="anna")
    store.account = "anna"
    trust = Trust(people=(), of_app=(KEY.public,))

    promotion.approve(
        store, version, by=Signatory("rita", KEY), panel=panel(trust=trust), reason="",
        release=lib.release_of(version), at=T0,
    )  # fmt: skip
    row = promotion.promote(
        store, version, mandatory=lib.MANDATORY, judged_against=None, panel=panel(trust=trust),
        idempotency_key="promote", **lib.BY_FLOW,
    )  # fmt: skip
    assert row.epoch == 1


def test_a_promotion_looks_again(store):
    """For a row that was signed past the check, as by an older command."""
    version = in_review(store, "service", author="anna")
    lib.approve(store, version, "rita")
    for row in store.find(LedgerRow, action="approve"):
        from dataclasses import replace

        store._write(replace(row, ran_by="anna"))

    with pytest.raises(
        Held, match="was signed by the account 'anna', which made the version"
    ):
        lib.promote(store, version)


def test_every_row_says_who_ran_it():
    store = MemoryStore()
    lib.bring(store, lib.State.CHAMPION)

    assert {row.ran_by for row in store.find(LedgerRow)} == {os_user()}
