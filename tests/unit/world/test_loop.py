"""The loop: same seed same world, twins apart in their policy alone, and mechanisms that do what they declare."""

import numpy as np
import pytest

from benchmarks.ecosystem_rows import trace
from sluice.errors import ConfigError, NotFound
from sluice.mechanisms.exploration import EpsilonSlots
from sluice.world.ads import ad_places
from sluice.world.loop import World
from sluice.world.named import named
from sluice.world.people import NONE
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec

SMALL = WorldSpec(people=120, providers=30)


@pytest.fixture(scope="module")
def lived():
    world = World(SMALL, Policy(), 5)
    world.run(4)
    return world


def test_the_same_seed_gives_the_same_bytes():
    assert trace(60, 3) == trace(60, 3)


def test_a_twin_of_the_same_policy_is_the_same(lived):
    one, other = lived.branch(), lived.branch()
    other.adopt(Policy())

    assert one.run(2) == other.run(2)


def test_a_branch_leaves_its_origin_alone(lived):
    before = lived.scene.people.sated.copy(), lived.history
    lived.branch().run(1)

    assert np.array_equal(before[0], lived.scene.people.sated)
    assert lived.history == before[1]


def test_twins_meet_the_same_candidates_and_people(lived):
    one, other = lived.branch(), lived.branch()
    other.adopt(Policy(spacing=0.0))
    one.step()
    other.step()
    first, second = one.waves[0].shown, other.waves[0].shown

    assert np.array_equal(first.visits.person, second.visits.person)
    assert np.array_equal(first.candidates, second.candidates)
    assert not np.array_equal(first.items, second.items)


def test_nothing_is_shown_twice_or_before_its_birth(lived):
    twin = lived.branch()
    twin.step()
    for wave in twin.waves:
        born = twin.scene.items.born[wave.shown.items]
        assert (born <= wave.shown.visits.time[:, None]).all()
        assert (born > twin.day - 1 - SMALL.life).all()
        assert all(len(set(row)) == len(row) for row in wave.shown.items.tolist())


def test_what_a_person_examined_is_not_shown_again(lived):
    twin = lived.branch()
    twin.step()
    seen = [set(row) - {NONE} for row in twin.scene.people.seen.tolist()]
    twin.step()
    first = twin.waves[0].shown
    for person, row in zip(first.visits.person.tolist(), first.items.tolist(), strict=True):
        assert not seen[person] & set(row)


def test_the_products_ranker_is_trained_overnight(lived):
    assert lived.platform.learner.ranker.family == "linear"
    assert lived.platform.learner.ranker.names == Policy().features


def test_floors_raise_prices_and_no_floor_none(lived):
    twin = lived.branch()
    twin.adopt(Policy(floor=0.9))
    twin.run(2)

    assert twin.platform.prices.max() > 0
    assert twin.platform.prices.min() >= 0
    assert not lived.platform.prices.any()


def test_exploration_marks_its_slots_and_propensities(lived):
    slots = EpsilonSlots(kind="epsilon", epsilon=0.5, slots=(3,))
    twin = lived.branch()
    twin.adopt(Policy(exploration=slots))
    twin.step()
    order = twin.waves[0].shown.order

    assert set(np.nonzero(order.explored)[1].tolist()) == {2}
    assert (order.propensity[:, 2] < 1).all()
    assert (np.delete(order.propensity, 2, axis=1) == 1).all()


def test_a_co_diverted_person_meets_their_side_alone(lived):
    from dataclasses import replace

    from sluice.world.experiment import Experiment

    twin = lived.branch()
    providers = len(twin.providers.alive)
    none = Experiment.none(SMALL.people, providers)
    twin.treat(
        replace(
            none,
            person_side=np.arange(SMALL.people) % 2,
            provider_side=np.arange(providers) % 2,
        )
    )
    twin.step()

    answered = [wave.shown for wave in twin.waves if len(wave.shown.items)]
    assert answered
    for shown in answered:
        sides = twin.scene.items.provider[shown.items] % 2
        assert (sides == (shown.visits.person % 2)[:, None]).all()


def test_ads_stand_where_the_products_rule_puts_them():
    assert np.flatnonzero(ad_places(12)).tolist() == [2, 8]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"people": 0}, "people"), ({"candidates": 5}, "candidates"), ({"satiation": -1}, "satiation"),
     ({"niche": 0.2, "topics": 4}, "niche")],
)  # fmt: skip
def test_an_impossible_world_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        WorldSpec(**wrong)


def test_an_unknown_world_lists_those_there_are():
    with pytest.raises(NotFound, match="tiring"):
        named("nowhere")
