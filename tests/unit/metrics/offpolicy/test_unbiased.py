"""Expectations are exact: every possible log row is listed and counted with its chance."""

import numpy as np
import pytest

from sluice.errors import ConfigError
from sluice.metrics.offpolicy import (
    CascadeDoublyRobust,
    DoublyRobust,
    IndependentIps,
    Ips,
    RewardInteractionIps,
    SlotProbability,
    SwitchDoublyRobust,
)
from tests.lib.offpolicy import decision_world, slate_world

SEEDS = range(5)


def decisions(seed):
    world = decision_world(np.random.default_rng(seed))
    context, action, chance = world.everything
    # A reward's mean stands for the reward: the estimators are linear in it.
    log, predicted = world.decisions(context, action, world.reward[context, action])
    return world, log, predicted, chance


def slates(seed, given, interaction=0.0):
    world = slate_world(np.random.default_rng(seed), interaction=interaction)
    log, predicted = world.log(np.arange(len(world.slates)), world.reward, given)
    return world, log, predicted, world.chance


@pytest.mark.parametrize("seed", SEEDS)
def test_ips_is_unbiased(seed):
    world, log, _, chance = decisions(seed)

    assert Ips().contributions(log).values @ chance == pytest.approx(world.truth)


@pytest.mark.parametrize("seed", SEEDS)
def test_dr_is_unbiased_however_wrong_the_prediction(seed):
    world, log, predicted, chance = decisions(seed)

    values = DoublyRobust(predicted).contributions(log).values

    assert values @ chance == pytest.approx(world.truth)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_switch_leaves_out_stays_within_its_bound(seed):
    world, log, predicted, chance = decisions(seed)
    worst = float(np.abs(world.reward - world.predicted).max())
    threshold = float(np.median(log.weights))

    found = SwitchDoublyRobust(predicted, threshold, worst).contributions(log)
    beyond = (log.weights * (log.weights > threshold)) @ chance

    assert abs(found.values @ chance - world.truth) <= worst * beyond
    assert found.values @ chance != pytest.approx(world.truth, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_are_1_in_the_mean(seed):
    _, log, _, chance = decisions(seed)

    assert log.weights @ chance == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_iips_is_unbiased_where_slots_do_not_interact(seed):
    world, log, _, chance = slates(seed, SlotProbability.MARGINAL)
    found = IndependentIps().contributions(log)

    assert found.values @ chance == pytest.approx(world.truth)
    assert found.weights @ chance == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_rips_is_unbiased_where_rewards_hang_on_the_items_above(seed):
    world, log, _, chance = slates(seed, SlotProbability.CONDITIONAL, interaction=1.0)
    found = RewardInteractionIps().contributions(log)

    assert found.values @ chance == pytest.approx(world.truth)
    assert found.weights @ chance == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_cascade_dr_is_unbiased_there_too_however_wrong_the_prediction(seed):
    world, log, predicted, chance = slates(seed, SlotProbability.CONDITIONAL, 1.0)

    values = CascadeDoublyRobust(predicted).contributions(log).values

    assert values @ chance == pytest.approx(world.truth)


def test_iips_is_biased_where_slots_interact():
    world, log, _, chance = slates(0, SlotProbability.MARGINAL, interaction=1.0)

    values = IndependentIps().contributions(log).values

    assert values @ chance != pytest.approx(world.truth, rel=0.005)


def test_each_slate_estimator_refuses_the_other_kind_of_probability():
    conditional = slates(0, SlotProbability.CONDITIONAL)[1]
    marginal, predicted = slates(0, SlotProbability.MARGINAL)[1:3]

    with pytest.raises(ConfigError, match="probabilities are conditional; IIPS needs"):
        IndependentIps().contributions(conditional)
    for estimator in (RewardInteractionIps(), CascadeDoublyRobust(predicted)):
        with pytest.raises(ConfigError, match="probabilities are marginal"):
            estimator.contributions(marginal)
