"""The bake is wall time: until it ends nothing confirms the champion, and nothing takes its place."""

from datetime import timedelta

import pytest

from sluice.errors import Held
from sluice.gates.spec import TIERS
from sluice.registry import promotion
from sluice.registry.bake import bakes_until
from sluice.registry.moves import position_of, version_of
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib import promotions as lib
from tests.lib.promotions import BY_FLOW, MANDATORY, bring, panel, release_of

HOUR = timedelta(hours=1)
PROMOTED = BY_FLOW["at"]


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def baking(store):
    """Version 2, promoted after a good version 1."""
    bring(store, State.CHAMPION, "a")
    return bring(store, State.CHAMPION_PROVISIONAL, "b")


def promote(store, version, at, bake=HOUR):
    serving = promotion.champion_of(store, "feed")
    return promotion.promote(
        store, version, mandatory=MANDATORY, judged_against=serving.release, actor="flow",
        at=at, idempotency_key=f"promote:{version.number}", bake=bake,
        panel=panel(),
    )  # fmt: skip


def confirm(store, version, at, bake=HOUR):
    return promotion.confirm(
        store, version, actor="flow", reason="no drift", at=at, bake=bake
    )


@pytest.mark.parametrize("early", [timedelta(0), HOUR - timedelta(microseconds=1), -HOUR])
def test_nothing_confirms_a_champion_before_its_bake_ends(store, baking, early):
    with pytest.raises(Held, match=r"version 2 of feed bakes until 2024-05-01T.*\+00:00"):
        confirm(store, baking, PROMOTED + early)
    assert position_of(store, baking).state is State.CHAMPION_PROVISIONAL


def test_once_baked_it_is_confirmed_and_asked_again_it_stays_so(store, baking):
    row = confirm(store, baking, PROMOTED + HOUR)

    assert (row.action, row.after) == ("confirm", "champion")
    assert confirm(store, baking, PROMOTED) == row
    assert bakes_until(store, baking, HOUR) is None


def test_the_next_promotion_is_held_and_the_last_good_one_stays_ready(store, baking):
    following = bring(store, State.APPROVED, "c")
    before = promotion.champion_of(store, "feed")

    with pytest.raises(Held, match=r"version 1 stays ready.*sluice champion rollback feed"):
        promote(store, following, PROMOTED + HOUR / 2)

    assert promotion.champion_of(store, "feed") == before
    assert before.last_good_release == release_of(version_of(store, "feed", 1))


def test_after_the_bake_the_next_one_may_follow_and_the_unconfirmed_is_not_last_good(
    store, baking
):
    promote(store, bring(store, State.APPROVED, "c"), PROMOTED + HOUR)

    champion = promotion.champion_of(store, "feed")
    assert (champion.version, champion.last_good_version) == (3, 1)


def test_a_baked_champion_that_is_confirmed_first_is_the_last_good_one(store, baking):
    following = bring(store, State.APPROVED, "c")
    confirm(store, baking, PROMOTED + HOUR)
    promote(store, following, PROMOTED + HOUR)

    champion = promotion.champion_of(store, "feed")
    assert (champion.version, champion.last_good_version) == (3, 2)
    lib.rollback(store)
    assert promotion.champion_of(store, "feed").version == 2


def test_a_rollback_ends_a_bake_at_once(store, baking):
    lib.rollback(store)

    assert promotion.champion_of(store, "feed").version == 1
    assert bakes_until(store, baking, HOUR) is None
    assert promote(store, bring(store, State.APPROVED, "c"), PROMOTED).after


def test_a_first_champion_holds_nobody_for_there_is_no_way_back(store):
    first = bring(store, State.CHAMPION_PROVISIONAL, "a")

    with pytest.raises(Held, match="bakes until"):
        confirm(store, first, PROMOTED)
    assert promote(store, bring(store, State.APPROVED, "b"), PROMOTED).epoch == 2


def test_a_retry_of_a_promotion_is_answered_though_it_bakes(store, baking):
    following = bring(store, State.APPROVED, "c")
    row = promote(store, following, PROMOTED + HOUR)

    assert promote(store, following, PROMOTED) == row


def test_without_a_bake_nobody_waits_for_a_clock_that_was_put_back(store, baking):
    early = PROMOTED - HOUR

    assert promote(store, bring(store, State.APPROVED, "c"), early, timedelta(0)).epoch == 3


def test_the_stricter_the_tier_the_longer_the_bake():
    bakes = [TIERS[name].bake_time for name in ("experimental", "standard", "critical")]

    assert bakes == [timedelta(0), HOUR, timedelta(days=1)]
