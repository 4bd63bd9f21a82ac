"""How often a 95 % interval holds the known truth, over worlds and logs drawn anew."""

import numpy as np
import pytest

from sluice.metrics.clusters import by_cluster
from sluice.metrics.offpolicy import (
    CascadeDoublyRobust,
    DoublyRobust,
    Estimate,
    IndependentIps,
    Ips,
    Limits,
    LoggedDecisions,
    RewardInteractionIps,
    SlotProbability,
    Snips,
    SwitchDoublyRobust,
    estimate,
)
from tests.lib.offpolicy import decision_world, slate_world

LOGS, SIZE = 500, 1000
NO_LIMITS = Limits(0, 0, np.inf, 1, 1, 1, np.inf, 0)
DECISIONS = {
    "ips": lambda *_: Ips(),
    "snips": lambda *_: Snips(),
    "dr": lambda _, predicted: DoublyRobust(predicted),
    "switch-dr": lambda world, predicted: SwitchDoublyRobust(
        predicted, largest_error=float(np.abs(world.reward - world.predicted).max())
    ),
    "switch-dr, half left out": lambda world, predicted: SwitchDoublyRobust(
        predicted, 1.0, float(np.abs(world.reward - world.predicted).max())
    ),
}
SLATES = {
    "iips": (lambda _: IndependentIps(), SlotProbability.MARGINAL),
    "rips": (lambda _: RewardInteractionIps(), SlotProbability.CONDITIONAL),
    "cascade-dr": (CascadeDoublyRobust, SlotProbability.CONDITIONAL),
}


def held(answer, truth) -> bool:
    assert isinstance(answer, Estimate)
    return answer.low <= truth <= answer.high


@pytest.mark.parametrize("sharp", [0.5, 1.0], ids=["moderate weights", "heavy weights"])
@pytest.mark.parametrize("name", DECISIONS)
def test_decisions(name, sharp):
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(LOGS):
        world = decision_world(rng, sharp=sharp, rate=0.05)
        log, predicted = world.draw(rng, SIZE)
        answer = estimate(DECISIONS[name](world, predicted), log, limits=NO_LIMITS)
        hits += held(answer, world.truth)

    assert hits / LOGS >= 0.93


@pytest.mark.parametrize("sharp", [0.5, 1.0], ids=["moderate weights", "heavy weights"])
@pytest.mark.parametrize("name", SLATES)
def test_slates(name, sharp):
    rng = np.random.default_rng(11)
    make, given = SLATES[name]
    hits = 0
    for _ in range(LOGS):
        interaction = 0.0 if given is SlotProbability.MARGINAL else 0.5
        world = slate_world(rng, sharp=sharp, rate=0.05, items=4, interaction=interaction)
        log, predicted = world.draw(rng, SIZE, given)
        answer = estimate(make(predicted), log, limits=NO_LIMITS)
        hits += held(answer, world.truth)

    assert hits / LOGS >= 0.93


def test_a_plain_interval_misses_the_truth_where_weights_are_heavy():
    """Without the extra decision the same logs are not covered."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(LOGS):
        world = decision_world(rng, sharp=1.0, rate=0.05)
        values = Ips().contributions(world.draw(rng, SIZE)[0]).values
        clusters = by_cluster(values, np.ones(SIZE), np.arange(SIZE))
        error = clusters.standard_error()
        hits += abs(values.mean() - world.truth) <= 1.96 * error

    assert hits / LOGS < 0.92


def test_people_of_many_decisions_are_covered_because_they_are_clusters():
    rng = np.random.default_rng(3)
    held_by, held_ignoring = 0, 0
    for _ in range(LOGS):
        users = np.repeat(np.arange(100), 10)
        taste = rng.beta(1, 4, size=100)[users]
        rewards = (rng.random(1000) < taste).astype(np.float64)
        shown = np.full(1000, 0.5)
        clustered = LoggedDecisions(rewards, shown, shown, users)
        alone = LoggedDecisions(rewards, shown, shown, np.arange(1000))
        held_by += held(estimate(Ips(), clustered), 0.2)
        held_ignoring += held(estimate(Ips(), alone), 0.2)

    assert held_by / LOGS >= 0.93
    assert held_ignoring / LOGS < 0.9
