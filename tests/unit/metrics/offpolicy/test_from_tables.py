"""From the event log's tables to logged decisions and slates."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from sluice.data.frames import log_tables
from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import FeedbackKind
from sluice.errors import DataError
from sluice.metrics.offpolicy import (
    Estimate,
    RewardInteractionIps,
    SlotProbability,
    Verdict,
    cross_fitted,
    estimate,
    logged_decisions,
    logged_slates,
    slot_frequencies,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = [
    # request, user, item, position, propensity
    ("r1", "ann", "b", 2, 0.5),
    ("r1", "ann", "a", 1, 0.25),
    ("r2", "bob", "a", 1, 0.5),
    ("r3", "ann", "c", 1, 1.0),
    ("r3", "ann", "a", 2, 0.2),
]
ANSWERS = [
    # request, user, item, kind, value
    ("r1", "ann", "a", "click", 1.0),
    ("r1", "ann", "a", "dwell", 9.0),
    ("r1", "ann", "a", "dwell", 30.0),
    ("r3", "ann", "b", "click", 1.0),
    (None, "ann", "c", "click", 1.0),
]


def tables(shown=SHOWN):
    exposures = pl.DataFrame(
        shown,
        schema={
            "request_id": pl.String,
            "user_id": pl.String,
            "item_id": pl.String,
            "position": pl.Int32,
            "propensity": pl.Float64,
        },
        orient="row",
    ).with_columns(pl.lit("for_you").alias("surface"), pl.lit(AT).alias("ts"))
    feedback = pl.DataFrame(
        ANSWERS,
        schema=["request_id", "user_id", "item_id", "kind", "value"],
        orient="row",
    ).with_columns(pl.lit(AT).alias("ts"), pl.lit(AT).alias("received_ts"))
    items = pl.DataFrame({"item_id": ["a"]}).with_columns(pl.lit(AT).alias("valid_from"))
    return log_tables(exposures, feedback, items)


def with_propensity(value):
    return tables([*SHOWN[:-1], (*SHOWN[-1][:-1], value)])


def test_an_exposure_is_a_decision_with_the_click_it_got():
    found = logged_decisions(tables(), np.full(5, 0.1), overlap=0.5)

    np.testing.assert_array_equal(found.rewards, [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.propensities, [0.5, 0.25, 0.5, 1, 0.2])
    np.testing.assert_array_equal(found.users, [0, 0, 1, 0, 0])
    assert found.overlap == 0.5


def test_the_largest_value_of_the_kind_is_the_reward():
    found = logged_decisions(tables(), np.full(5, 0.1), kind=FeedbackKind.DWELL)

    np.testing.assert_array_equal(found.rewards, [0, 30, 0, 0, 0])


def test_a_request_is_a_slate_from_the_top_slot_down():
    targets = np.array([0.5, 0.4, 0.3, 0.2, 0.1])
    found = logged_slates(tables(), targets, given=SlotProbability.CONDITIONAL)

    np.testing.assert_array_equal(found.offsets, [0, 2, 3, 5])
    np.testing.assert_array_equal(found.rewards, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.propensities, [0.25, 0.5, 0.5, 1, 0.2])
    np.testing.assert_array_equal(found.targets, [0.4, 0.5, 0.3, 0.2, 0.1])
    np.testing.assert_array_equal(found.users, [0, 1, 0])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            None,
            r"exposures\.propensity is null in 1 of 5 rows; off-policy evaluation needs",
        ),
        (0.0, r"1 of 5 propensities are missing or not in \(0, 1\].*first in row 4"),
        (-0.1, "1 of 5 propensities"),
        (1.1, "1 of 5 propensities"),
    ],
)
def test_a_log_without_true_propensities_is_refused(value, told):
    targets = np.full(5, 0.1)

    with pytest.raises(DataError, match=told):
        logged_decisions(with_propensity(value), targets)
    with pytest.raises(DataError, match=told):
        logged_slates(with_propensity(value), targets, given=SlotProbability.CONDITIONAL)


def test_a_slate_needs_its_slots():
    nowhere = tables([*SHOWN[:-1], ("r3", "ann", "a", None, 0.2)])
    twice = tables([*SHOWN[:-1], ("r3", "ann", "a", 1, 0.2)])

    with pytest.raises(DataError, match=r"exposures\.position is null in 1 of 5 rows"):
        logged_slates(nowhere, np.full(5, 0.1), given=SlotProbability.CONDITIONAL)
    with pytest.raises(DataError, match="1 exposures share request and position"):
        logged_slates(twice, np.full(5, 0.1), given=SlotProbability.CONDITIONAL)


def test_slot_frequencies_are_counts_by_slot():
    policy = slot_frequencies(tables().exposures)

    assert (policy.slots, policy.items) == ((1, 2), ("a", "b", "c"))
    np.testing.assert_allclose(policy.probabilities, [[2 / 3, 0, 1 / 3], [1 / 2, 1 / 2, 0]])
    np.testing.assert_allclose(
        policy.of(tables().exposures), [1 / 2, 2 / 3, 2 / 3, 1 / 3, 1 / 2]
    )


def test_an_item_that_the_policy_never_shows_has_probability_0():
    policy = slot_frequencies(tables().exposures)
    other = tables([("r9", "eve", "unheard", 1, 0.5)]).exposures

    np.testing.assert_array_equal(policy.of(other), [0])


def test_overlap_is_the_policy_s_mass_on_what_the_log_shows():
    policy = slot_frequencies(tables().exposures)
    log = tables([("r1", "ann", "a", 1, 0.5), ("r2", "bob", "b", 2, 0.5)]).exposures

    assert policy.overlap(tables().exposures) == pytest.approx(1)
    assert policy.overlap(log) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_slot_that_the_policy_does_not_have_is_refused():
    policy = slot_frequencies(tables().exposures)

    for position, told in ((9, r"\[9\]"), (None, r"\[None\]")):
        log = tables([("r1", "ann", "a", position, 0.5)]).exposures
        with pytest.raises(DataError, match=rf"1 of 1 .* positions {told}.*knows \[1, 2\]"):
            policy.of(log)
    with pytest.raises(DataError, match="1 of 1 exposures have no position"):
        slot_frequencies(log)


def test_a_prediction_never_saw_its_own_reward():
    shown = [
        (f"r{row}", f"user-{row % 20}", "ab"[row % 2], 1 + row % 3, 0.5)
        for row in range(120)
    ]
    exposures = tables(shown).exposures
    policy = slot_frequencies(exposures)
    log = logged_decisions(tables(shown), policy.of(exposures))
    own = log.users == 3
    rewards = np.random.default_rng(0).random(120)

    before, after = (
        cross_fitted(replace(log, rewards=given), exposures, policy, smoothing=2.0)
        for given in (rewards, rewards + 100 * own)
    )

    np.testing.assert_allclose(after.shown[own], before.shown[own])
    np.testing.assert_allclose(after.expected[own], before.expected[own])
    assert (after.shown > before.shown + 1).any()


def test_a_prediction_is_the_smoothed_mean_of_the_other_folds():
    shown = [
        ("r1", "ann", "a", 1, 0.5),
        ("r2", "bob", "a", 1, 0.5),
        ("r4", "ann", "b", 1, 0.5),
        ("r5", "bob", "b", 1, 0.5),
    ]
    exposures = tables(shown).exposures
    log = logged_decisions(tables(shown), np.full(4, 0.5))
    predicted = cross_fitted(
        log, exposures, slot_frequencies(exposures), folds=2, smoothing=1.0
    )

    # Ann's rewards are 1 and 0, their mean 1/2; one such decision is added to each cell.
    np.testing.assert_allclose(predicted.shown, [0, 3 / 4, 0, 1 / 4])
    np.testing.assert_allclose(predicted.expected, [0, 1 / 2, 0, 1 / 2])


def test_the_generated_feed_is_evaluated_on_its_own_policy():
    """Its propensities are conditional, and of itself the feed says its own click rate."""
    feed = generate(FeedConfig(users=300, days=2, requests_per_day=400)).tables
    own = feed.exposures["propensity"].to_numpy()
    log = logged_slates(feed, own, given=SlotProbability.CONDITIONAL)

    answer = estimate(RewardInteractionIps(), log)
    clicks = feed.feedback.filter(pl.col("kind") == "click").height

    assert isinstance(answer, Estimate)
    assert answer.verdict is Verdict.ESTIMATE
    assert answer.value == pytest.approx(clicks / 800)
