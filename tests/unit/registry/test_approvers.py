"""A tier that asks for two people gets two different ones, in any order and at once."""

import pytest

from sluice.errors import Conflict, Held, Refused
from sluice.registry import promotion
from sluice.registry.moves import position_of
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, State
from tests.lib import promotions as lib
from tests.lib.promotions import BY_FLOW, MANDATORY, bring, panel, release_of, signatory
from tests.lib.stores import T0

REVIEWERS = ("rita", "Rita ", "Rob", "zoe", "ann")


@pytest.fixture
def store():
    return MemoryStore()


def approve(store, version, reviewer, approvers=2, reason="looks right"):
    return promotion.approve(
        store, version, by=signatory(reviewer), panel=panel(approvers, REVIEWERS), release=release_of(version),
        reason=reason, at=T0,
    )  # fmt: skip


def promote(store, version, approvers=2):
    return promotion.promote(
        store, version, mandatory=MANDATORY, judged_against=None, idempotency_key="key",
        panel=panel(approvers, REVIEWERS), **BY_FLOW,
    )  # fmt: skip


def test_the_first_of_two_leaves_it_in_review_and_the_second_approves(store):
    version = bring(store, State.IN_REVIEW)

    assert approve(store, version, "rita").after == "in_review"
    assert promotion.review_queue(store, "feed") == (version,)
    assert approve(store, version, "Rob").after == "approved"
    assert promote(store, version).epoch == 1


@pytest.mark.parametrize("again", ["rita", "Rita "])
def test_one_person_counts_once(store, again):
    version = bring(store, State.IN_REVIEW)
    first = approve(store, version, "rita")

    assert approve(store, version, again, reason="twice") == first
    assert position_of(store, version).state is State.IN_REVIEW


def test_the_author_is_never_the_second(store):
    version = bring(store, State.IN_REVIEW)
    approve(store, version, "rita")

    with pytest.raises(Refused, match="made version"):
        approve(store, version, "ann")


def test_a_second_reviewer_may_still_reject(store):
    version = bring(store, State.IN_REVIEW)
    approve(store, version, "rita")

    assert lib.reject(store, version, "Rob").after == "rejected"


def test_promotion_counts_the_people_again(store):
    """As where the surface became critical after one person had approved it."""
    version = bring(store, State.IN_REVIEW)
    approve(store, version, "rita", approvers=1)

    with pytest.raises(Held, match=r"1 of 2 people approved release .*: rita"):
        promote(store, version)
    assert approve(store, version, "Rob").after == "approved"
    assert promote(store, version).epoch == 1


def test_a_third_is_told_that_it_is_decided(store):
    version = bring(store, State.IN_REVIEW)
    for reviewer in ("rita", "Rob"):
        approve(store, version, reviewer)

    with pytest.raises(Refused, match="is approved"):
        approve(store, version, "zoe")


class AtOnce(MemoryStore):
    """Lets another reviewer approve between the count and the move."""

    meanwhile = None

    def transition(self, transition):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return super().transition(transition)


def test_of_two_who_approve_at_once_one_asks_again_and_both_count():
    store = AtOnce()
    version = bring(store, State.IN_REVIEW)
    store.meanwhile = lambda: approve(store, version, "Rob")

    with pytest.raises(Conflict):
        approve(store, version, "rita")
    assert approve(store, version, "rita").after == "approved"
    assert len(store.find(LedgerRow, action="approve")) == 2
