"""MLflow's page says of a review what the ledger says, wherever the decision was made."""

import pytest

from sluice.registry import promotion
from sluice.registry.review_tags import amiss, review_tags
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, State
from tests.lib import promotions as lib
from tests.lib.promotions import bring, panel, release_of, signatory
from tests.lib.stores import T0


@pytest.fixture
def store():
    return MemoryStore()


def approve(store, version, reviewer, reason="", approvers=2):
    return promotion.approve(
        store, version, by=signatory(reviewer), panel=panel(approvers), release=release_of(version),
        reason=reason, at=T0,
    )  # fmt: skip


def test_before_anybody_decided_there_is_nothing_to_say(store):
    for state in (State.CANDIDATE, State.IN_REVIEW):
        assert review_tags(store, bring(store, state, state), approvers=1) == {}


def test_it_says_who_approved_so_far_and_how_many_it_takes(store):
    version = bring(store, State.IN_REVIEW)
    first = approve(store, version, "rita", "better on every slice")
    assert review_tags(store, version, 2) == {
        "review": "approved: better on every slice",
        "sluice.reviewed": f"approved by rita (ledger row {first.sequence}): 1 of 2 needed",
    }

    second = approve(store, version, "Rob")
    assert review_tags(store, version, 2) == {
        "review": "approved",
        "sluice.reviewed": f"approved by rita (ledger row {first.sequence}) and "
        f"Rob (ledger row {second.sequence}): 2 of 2 needed",
    }


def test_a_rejection_has_the_last_word(store):
    version = bring(store, State.IN_REVIEW)
    approve(store, version, "rita")
    row = lib.reject(store, version, "Rob", "stale catalogue")

    assert review_tags(store, version, 2) == {
        "review": "rejected: stale catalogue",
        "sluice.reviewed": f"rejected by Rob (ledger row {row.sequence})",
    }


def test_what_came_of_a_version_later_changes_nothing(store):
    version = bring(store, State.APPROVED)
    said = review_tags(store, version, 1)
    lib.promote(store, version)
    lib.confirm(store, version)

    assert review_tags(store, version, 1) == said
    assert len(store.find(LedgerRow, action="approve")) == 1


@pytest.mark.parametrize(
    ("there", "backed", "wrong"),
    [
        ({}, {}, []),
        ({"mood": "fine"}, {}, []),
        ({"review": "approved"}, {}, [("review", None)]),
        (
            {"review": "approved"},
            {"review": "rejected: no", "sluice.reviewed": "rejected by rita (ledger row 3)"},
            [("review", "rejected: no"), ("sluice.reviewed", "rejected by rita (ledger row 3)")],
        ),
        (
            {"review": "approved", "sluice.reviewed": "x"},
            {"review": "approved", "sluice.reviewed": "x"},
            [],
        ),
    ],
)  # fmt: skip
def test_a_tag_that_no_row_backs_is_amiss(there, backed, wrong):
    assert amiss(there, backed) == wrong
