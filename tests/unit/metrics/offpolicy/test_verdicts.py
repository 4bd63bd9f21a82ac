import dataclasses
import math
import operator
import re

import numpy as np
import pytest

from sluice.errors import ConfigError, DataError, TooLittleData
from sluice.metrics.offpolicy import (
    Diagnostics,
    Estimate,
    Ips,
    Limits,
    LoggedDecisions,
    LoggedSlates,
    Refusal,
    RewardInteractionIps,
    SlotProbability,
    Snips,
    Verdict,
    diagnose,
    estimate,
)

SOUND = Diagnostics(
    decisions=100_000,
    users=50_000,
    mean_weight=1.0,
    mean_weight_error=0.01,
    effective_sample_size=30_000,
    largest_share=0.001,
    overlap=1.0,
    effective_rewarded=2_000,
)


def log_of(weights, rewards=None, **others) -> LoggedDecisions:
    weights = np.asarray(weights, np.float64)
    rewards = np.arange(len(weights)) % 2 if rewards is None else np.asarray(rewards)
    others.setdefault("users", np.arange(len(weights)))
    scale = max(1.0, float(weights.max()))
    return LoggedDecisions(
        rewards=rewards.astype(np.float64),
        propensities=np.full(len(weights), 1 / scale),
        targets=weights / scale,
        **others,
    )


def test_hand_computed_diagnostics():
    weights, rewards = np.array([1.0, 3.0, 0.0, 0.0]), np.array([2.0, -1.0, 5.0, 0.0])
    found = diagnose(weights, rewards, np.array([5, 6, 7, 8]), 0.5)

    assert found.decisions == found.users == 4
    assert found.mean_weight == 1.0
    assert found.mean_weight_error == pytest.approx(math.sqrt(6 / 3 / 4))
    assert found.effective_sample_size == 16 / 10
    assert found.largest_share == 3 / 4
    assert found.overlap == 0.5
    assert found.effective_rewarded == (2 + 3) ** 2 / (2**2 + 3**2)


def test_the_error_of_the_mean_weight_is_clustered_by_user():
    weights = np.tile([0.5, 1.5], 50)
    alone = diagnose(weights, weights, np.arange(100))
    pairs = diagnose(np.sort(weights), weights, np.arange(100) // 2)

    assert pairs.users == 50
    assert pairs.mean_weight_error > 1.3 * alone.mean_weight_error


@pytest.mark.parametrize(
    ("changed", "refused", "flagged"),
    [
        ({}, None, None),
        ({"overlap": None}, None, None),
        ({"effective_sample_size": 1000.0}, None, None),
        ({"effective_sample_size": 999.0}, "sample size 999 of 100,000 .* 1,000", None),
        ({"decisions": 500, "effective_sample_size": 99.0}, "99 of 500 .* 100 are", None),
        ({"mean_weight": 1.03}, None, None),
        ({"mean_weight": 1.04}, None, "mean weight 1.040 ± 0.010 instead of 1"),
        ({"mean_weight": 0.96}, None, "mean weight 0.960"),
        ({"mean_weight": 1.2}, "mean weight 1.200", "mean weight"),
        ({"mean_weight": 1.2, "mean_weight_error": 0.1}, None, None),
        ({"mean_weight": 0.5, "mean_weight_error": 0.0}, "mean weight 0.5", "mean weight"),
        ({"largest_share": 0.01}, None, None),
        ({"largest_share": 0.02}, None, "one decision has 2.0% of all weight"),
        ({"overlap": 0.99}, None, None),
        ({"overlap": 0.95}, None, "shows 95.0% only"),
        ({"overlap": 0.85}, "shows 85.0% only", "shows 85.0% only"),
        ({"effective_rewarded": 10.0}, None, None),
        ({"effective_rewarded": 9.9}, None, "rests on 9.9 effective rewarded decisions"),
    ],
)
def test_the_rule(changed, refused, flagged):
    found = dataclasses.replace(SOUND, **changed)

    for told, expected in (
        (Limits().refusals(found), refused),
        (Limits().warnings(found), flagged),
    ):
        assert len(told) == (expected is not None)
        assert expected is None or re.search(expected, told[0])


def test_a_sound_log_gives_an_estimate():
    answer = estimate(Ips(), log_of(np.tile([0.5, 0.5, 1.5, 1.5], 250)))

    assert isinstance(answer, Estimate)
    assert answer.verdict is Verdict.ESTIMATE
    assert answer.value == 0.5
    assert answer.low < answer.value - answer.standard_error
    assert answer.high > answer.value + answer.standard_error
    assert (answer.estimator, answer.confidence) == ("ips", 0.95)


def test_a_wider_confidence_gives_a_wider_interval():
    log = log_of(np.ones(1000))
    half, most = (estimate(Ips(), log, confidence=level) for level in (0.5, 0.99))

    assert isinstance(half, Estimate)
    assert isinstance(most, Estimate)
    assert most.low < half.low < half.value < half.high < most.high


def test_one_heavy_decision_flags_and_widens_the_interval():
    weights = np.ones(1000)
    weights[0] = 30
    answer = estimate(Ips(), log_of(weights), limits=Limits(weight_errors=100))

    assert isinstance(answer, Estimate)
    assert answer.verdict is Verdict.FLAGGED
    assert answer.warnings == ("one decision has 2.9% of all weight",)
    assert answer.high - answer.value > 2 * answer.standard_error


def test_few_effective_decisions_are_refused():
    weights = np.full(10_000, 0.5)
    weights[0] = 20_000
    answer = estimate(Snips(), log_of(weights))

    assert isinstance(answer, Refusal)
    assert answer.verdict is Verdict.REFUSED
    assert answer.reason.startswith(
        "effective sample size 2 of 10,000 decisions, 100 are needed"
    )
    assert answer.diagnostics.largest_share == pytest.approx(0.8, abs=0.01)


def test_a_target_that_shows_nothing_of_the_log_is_refused():
    for estimator in (Ips(), Snips()):
        answer = estimate(estimator, log_of(np.zeros(1000)))

        assert isinstance(answer, Refusal)
        assert "effective sample size 0" in answer.reason


def test_rewards_that_are_all_alike_are_refused():
    answer = estimate(Ips(), log_of(np.ones(1000), np.zeros(1000)))

    assert isinstance(answer, Refusal)
    assert answer.reason == "all 1,000 logged rewards are 0"


def test_a_handful_of_clicks_flags():
    answer = estimate(Ips(), log_of(np.ones(1000), np.arange(1000) < 9))

    assert isinstance(answer, Estimate)
    assert answer.verdict is Verdict.FLAGGED
    assert answer.warnings[0].startswith("it rests on 9.0 effective rewarded decisions")


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(log_of(np.ones(1000), np.arange(1000) < 2), id="two clicks"),
        pytest.param(
            log_of(np.where(np.arange(20_000) == 0, 100.0, 1.0), np.arange(20_000) < 20),
            id="one heavy click of twenty",
        ),
    ],
)
def test_an_interval_over_a_factor_of_ten_is_refused(log):
    answer = estimate(Ips(), log, limits=Limits(flagged_share=1))

    assert isinstance(answer, Refusal)
    assert "spans more than a factor of 10" in answer.reason


def test_a_loss_may_be_as_little_as_a_gain():
    """Of rewards of both signs no factor can be told, and 0 is a value like another."""
    rewards = np.where(np.arange(1000) % 2, 1.0, -1.0)

    assert isinstance(estimate(Ips(), log_of(np.ones(1000), rewards)), Estimate)


def test_every_reason_is_told():
    answer = estimate(Ips(), log_of(np.ones(50), np.zeros(50), overlap=0.5))

    assert isinstance(answer, Refusal)
    assert len(answer.reason.split("; ")) == 3


def test_a_refusal_is_no_number():
    refusal = Refusal("ips", "why", SOUND)

    for use in (float, int, round, abs, operator.neg, math.sqrt, np.float64):
        with pytest.raises(TypeError):
            use(refusal)
    for combine in (operator.add, operator.lt, operator.mul, operator.sub):
        with pytest.raises(TypeError):
            combine(refusal, 1.0)
        with pytest.raises(TypeError):
            combine(1.0, refusal)
    with pytest.raises(TypeError):
        np.array([refusal], dtype=np.float64)
    assert not {"value", "low", "high", "standard_error"} & set(dir(refusal))


def test_slates_are_judged_by_the_weights_their_estimator_needs():
    """Two slots at weight 3 make 9 together, which one slot's weights do not show."""
    slates = 400
    targets = np.where(np.arange(slates) % 4 == 0, 0.75, 1 / 12).repeat(2)
    log = LoggedSlates(
        rewards=np.arange(2 * slates) % 3.0,
        propensities=np.full(2 * slates, 0.25),
        targets=targets,
        given=SlotProbability.INDEPENDENT,
        offsets=np.arange(0, 2 * slates + 1, 2),
        users=np.arange(slates),
    )
    answer = estimate(RewardInteractionIps(), log, limits=Limits(weight_errors=1e9))

    assert answer.diagnostics.decisions == slates
    assert answer.diagnostics.largest_share == pytest.approx(6 / (100 * 6 + 300 * 2 / 9))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_no_share_is_refused(confidence):
    with pytest.raises(ConfigError, match="give a share between 0 and 1"):
        estimate(Ips(), log_of(np.ones(10)), confidence=confidence)


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"rewards": [1, math.nan]}, DataError, "1 of 2 rewards are not finite"),
        ({"propensities": [0.5, 0]}, DataError, r"1 of 2 propensities .* row 1\)"),
        ({"propensities": [1.5, 0.5]}, DataError, "propensities are missing or not in"),
        ({"propensities": [math.nan, 0.5]}, DataError, "propensities are missing"),
        ({"propensities": [-0.5, 0.5]}, DataError, "propensities are missing"),
        ({"targets": [0.5, 1.1]}, DataError, "target probabilities are not in"),
        ({"targets": [0.5]}, DataError, "2 rewards, 2 propensities, 1 targets"),
        ({"users": [0]}, DataError, "2 rewards, 1 users"),
        ({"users": [7, 7]}, TooLittleData, "2 decisions of fewer than 2 users"),
    ],
)
def test_what_is_no_log_of_decisions_is_refused(changed, error, told):
    columns = {"rewards": [0, 1], "propensities": [1, 1], "targets": [1, 1]} | {
        "users": [0, 1]
    }

    with pytest.raises(error, match=told):
        LoggedDecisions(**{name: np.array(c) for name, c in (columns | changed).items()})


@pytest.mark.parametrize("offsets", [[0, 1], [0, 2, 2], [1, 2], [0, 1, 3]])
def test_offsets_that_do_not_cut_the_rows_are_refused(offsets):
    with pytest.raises(DataError, match="offsets cut"):
        LoggedSlates(
            *np.ones((3, 2)),
            given=SlotProbability.MARGINAL,
            offsets=np.array(offsets),
            users=np.arange(len(offsets) - 1),
        )
