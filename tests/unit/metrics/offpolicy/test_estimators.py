"""The estimators against literal loops over their formulas, and against each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import ConfigError, DataError
from sluice.metrics.offpolicy import (
    CascadeDoublyRobust,
    DoublyRobust,
    IndependentIps,
    Ips,
    LoggedDecisions,
    LoggedSlates,
    Predicted,
    RewardInteractionIps,
    SlotProbability,
    Snips,
    SwitchDoublyRobust,
)

PROBABILITY = st.floats(0.05, 1)
REWARD = st.floats(-2, 2)
ROW = st.tuples(REWARD, PROBABILITY, PROBABILITY, REWARD, REWARD)
SLATES = st.lists(st.lists(ROW, min_size=1, max_size=4), min_size=2, max_size=8)


def log_of(rows) -> LoggedDecisions:
    rewards, propensities, targets = np.array(rows)[:, :3].T
    return LoggedDecisions(rewards, propensities, targets, np.arange(len(rows)))


def slates_of(requests, given=SlotProbability.INDEPENDENT) -> LoggedSlates:
    rewards, propensities, targets = np.array([row for rows in requests for row in rows])[
        :, :3
    ].T
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in requests])])
    users = np.arange(len(requests))
    return LoggedSlates(rewards, propensities, targets, given, offsets, users)


def predicted_of(rows) -> Predicted:
    return Predicted(*np.array(rows)[:, 3:].T)


def value(estimator, log) -> float:
    return float(estimator.contributions(log).values.mean())


@given(st.lists(ROW, min_size=2, max_size=20), st.floats(0.1, 20))
def test_decisions_agree_with_their_formulas(rows, threshold):
    ips = snips = weights = dr = switch = 0.0
    for reward, propensity, target, shown, expected in rows:
        weight = target / propensity
        ips += weight * reward
        weights += weight
        dr += expected + weight * (reward - shown)
        switch += expected + (weight * (reward - shown) if weight <= threshold else 0)
    snips = ips / weights
    log, predicted, n = log_of(rows), predicted_of(rows), len(rows)

    assert value(Ips(), log) == pytest.approx(ips / n, abs=1e-9)
    assert value(Snips(), log) == pytest.approx(snips, abs=1e-9)
    assert value(DoublyRobust(predicted), log) == pytest.approx(dr / n, abs=1e-9)
    assert value(SwitchDoublyRobust(predicted, threshold), log) == pytest.approx(
        switch / n, abs=1e-9
    )


@given(SLATES)
def test_slates_agree_with_their_formulas(requests):
    iips = rips = cascade = 0.0
    for rows in requests:
        for slot, (reward, propensity, target, shown, expected) in enumerate(rows):
            above = math.prod(row[2] / row[1] for row in rows[:slot])
            prefix = above * target / propensity
            iips += target / propensity * reward
            rips += prefix * reward
            cascade += above * expected + prefix * (reward - shown)
    log, n = slates_of(requests), len(requests)
    predicted = predicted_of([row for rows in requests for row in rows])

    assert value(IndependentIps(), log) == pytest.approx(iips / n)
    assert value(RewardInteractionIps(), log) == pytest.approx(rips / n)
    assert value(CascadeDoublyRobust(predicted), log) == pytest.approx(cascade / n)


@given(st.lists(ROW, min_size=2, max_size=20))
def test_relations_between_the_estimators(rows):
    log, slates = log_of(rows), slates_of([[row] for row in rows])
    predicted, nothing = predicted_of(rows), Predicted(*np.zeros((2, len(rows))))
    scaled = LoggedDecisions(
        log.rewards, log.propensities, log.targets / 2, np.arange(len(rows))
    )

    assert value(DoublyRobust(nothing), log) == pytest.approx(value(Ips(), log))
    assert value(SwitchDoublyRobust(predicted, math.inf), log) == pytest.approx(
        value(DoublyRobust(predicted), log)
    )
    assert value(CascadeDoublyRobust(predicted), slates) == pytest.approx(
        value(DoublyRobust(predicted), log)
    )
    assert value(RewardInteractionIps(), slates) == pytest.approx(value(Ips(), log))
    assert value(IndependentIps(), slates) == pytest.approx(value(Ips(), log))
    assert value(Snips(), scaled) == pytest.approx(value(Snips(), log))
    low, high = log.rewards.min() - 1e-9, log.rewards.max() + 1e-9
    assert low <= value(Snips(), log) <= high


@given(st.lists(ROW, min_size=2, max_size=20))
def test_no_contribution_lies_outside_the_extremes_of_ips(rows):
    found = Ips().contributions(log_of(rows))

    assert found.lowest <= found.values.min() + 1e-12
    assert found.highest >= found.values.max() - 1e-12


@given(SLATES)
def test_no_contribution_of_a_slate_lies_outside_the_extremes(requests):
    for estimator in (IndependentIps(), RewardInteractionIps()):
        found = estimator.contributions(slates_of(requests))

        assert found.lowest <= found.values.min() + 1e-9
        assert found.highest >= found.values.max() - 1e-9


def test_on_policy_ips_is_the_mean_reward():
    log = log_of([(1, 0.3, 0.3), (0, 0.2, 0.2), (0.5, 0.7, 0.7)])

    assert value(Ips(), log) == pytest.approx(0.5)
    assert value(Snips(), log) == pytest.approx(0.5)


def test_the_chosen_threshold_cuts_a_weight_that_only_adds_variance():
    rows = [(0.0, 0.5, 0.5, 0.1, 0.1)] * 500 + [(0.2, 0.001, 1.0, 0.1, 0.1)]
    rows += [(0.2, 0.5, 0.5, 0.1, 0.1)] * 500
    log, predicted = log_of(rows), predicted_of(rows)

    cut = SwitchDoublyRobust(predicted, largest_error=0.01).contributions(log)

    assert cut.values.std() < DoublyRobust(predicted).contributions(log).values.std()
    assert cut.bias == pytest.approx(0.01 * 1000 / 1001)


def test_the_bias_bound_is_never_more_than_the_largest_error():
    rows = [(1.0, 0.01, 1.0, 0.1, 0.1), (0.0, 0.01, 1.0, 0.1, 0.1)]

    found = SwitchDoublyRobust(predicted_of(rows), 1.0).contributions(log_of(rows))

    assert found.bias == 1.0


def test_a_threshold_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigError, match="threshold 0: no weight is ever kept"):
        SwitchDoublyRobust(Predicted(*np.zeros((2, 3))), 0)


def test_predictions_of_another_log_are_refused():
    log, other = log_of([(1, 0.5, 0.5), (0, 0.5, 0.5)]), Predicted(*np.zeros((2, 3)))

    for estimator in (DoublyRobust(other), SwitchDoublyRobust(other)):
        with pytest.raises(DataError, match="3 predicted rewards for a log of 2 rows"):
            estimator.contributions(log)


def test_predictions_must_pair_and_be_finite():
    with pytest.raises(DataError, match="2 predictions of what was shown, 3"):
        Predicted(np.zeros(2), np.zeros(3))
    with pytest.raises(DataError, match="not finite"):
        Predicted(np.zeros(2), np.array([0, np.nan]))


def test_names_are_canonical():
    nothing = Predicted(*np.zeros((2, 1)))
    estimators = (
        Ips(),
        Snips(),
        DoublyRobust(nothing),
        SwitchDoublyRobust(nothing),
        IndependentIps(),
        RewardInteractionIps(),
        CascadeDoublyRobust(nothing),
    )

    assert [estimator.name for estimator in estimators] == [
        "ips",
        "snips",
        "dr",
        "switch-dr",
        "iips",
        "rips",
        "cascade-dr",
    ]
