"""A way back to every version that has served, whenever one is needed."""

import pytest

from sluice.errors import Held, Refused
from sluice.registry.audit import audit
from sluice.registry.moves import position_of, version_of
from sluice.registry.promotion import champion_of
from sluice.registry.rollback import predecessors
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib.promotions import bring, confirm, rollback

SERVED, CONFIRMED = State.CHAMPION_PROVISIONAL, State.CHAMPION


@pytest.fixture
def store():
    return MemoryStore()


def serving(store):
    number = champion_of(store, "feed").version
    return number, position_of(store, version_of(store, "feed", number)).state


def test_a_first_version_that_was_never_confirmed_is_gone_back_to(store):
    """The outage of the review: v1 served, v2 was promoted over it."""
    bring(store, SERVED, "a")
    bring(store, SERVED, "b")

    rollback(store)

    assert serving(store) == (1, State.CHAMPION_PROVISIONAL)
    assert audit(store) == []
    confirm(store, version_of(store, "feed", 1))
    assert serving(store) == (1, State.CHAMPION)


def test_the_last_that_served_well_comes_before_one_that_served_later(store):
    for run, reached in (("a", CONFIRMED), ("b", CONFIRMED), ("c", SERVED), ("d", SERVED)):
        bring(store, reached, run)

    rollback(store)

    assert serving(store) == (2, State.CHAMPION)
    assert audit(store) == []


def test_after_a_rollback_the_version_before_is_reached_by_its_number(store):
    for run in "abc":
        bring(store, CONFIRMED, run)
    rollback(store)
    assert rollback(store).epoch == 4  # asked again it moves nothing

    row = rollback(store, to=1)

    assert (row.epoch, serving(store)) == (5, (1, State.CHAMPION))
    assert [each.version for each in predecessors(store, "feed")] == [2, 3]
    assert audit(store) == []


def test_what_was_rolled_back_serves_again_only_by_its_number(store):
    bring(store, CONFIRMED, "a")
    bring(store, SERVED, "b")
    rollback(store)

    rollback(store, to=2)
    assert serving(store) == (2, State.CHAMPION_PROVISIONAL)


def test_nothing_that_never_served_is_rolled_back_to(store):
    bring(store, CONFIRMED, "a")
    bring(store, State.APPROVED, "b")
    before = champion_of(store, "feed")

    with pytest.raises(Held, match="version 2 of feed has never served"):
        rollback(store, to=2)
    with pytest.raises(Held, match="version 9 of feed has never served"):
        rollback(store, to=9)
    with pytest.raises(Refused, match="version 1 of feed serves already"):
        rollback(store, to=1)
    assert champion_of(store, "feed") == before
