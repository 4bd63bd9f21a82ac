"""Slots filled by chance: the probabilities written down are those that it was done with."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from sluice.data.frames import log_tables
from sluice.mechanisms.ads import insert_ads
from sluice.mechanisms.arrangement import ARRANGEMENT, Arrangement
from sluice.mechanisms.exploration import EpsilonSlots, PlackettLuce
from sluice.mechanisms.slate import Slate
from sluice.mechanisms.spec import Spacing
from sluice.metrics.offpolicy import (
    IndependentIps,
    RewardInteractionIps,
    SlotProbability,
    estimate,
    logged_slates,
)

EPSILON = EpsilonSlots(kind="epsilon", epsilon=0.4, slots=(1, 3))
SOFTMAX = PlackettLuce(kind="plackett_luce", temperature=0.5, slots=2)
SCORES = np.array([0.1, 0.9, 0.5, 0.4])
ORDER = np.array([1, 2, 3, 0])
PINNED = [0.17599676208761383, 0.05487381079994336, 0.7363040520088333]


def drawn(spec, name, order=ORDER, scores=SCORES, fixed=None):
    return Arrangement(exploration=spec).explored(order, scores, fixed, name)


def probability(spec, wanted):
    """Of a whole order, worked out slot by slot from the definition alone."""
    left, total = ORDER.tolist(), 1.0
    for slot, row in enumerate(wanted, start=1):
        if spec.kind == "epsilon":
            chance = spec.epsilon if slot in spec.slots else 0.0
            here = chance / len(left) + (1 - chance) * (row == left[0])
        elif slot <= spec.slots:
            weights = {each: math.exp(SCORES[each] / spec.temperature) for each in left}
            here = weights[row] / sum(weights.values())
        else:
            here = float(row == left[0])
        total *= here
        left.remove(row)
    return total


@pytest.mark.parametrize("spec", [EPSILON, SOFTMAX], ids=["epsilon", "plackett_luce"])
def test_the_propensities_are_those_of_the_definition(spec):
    seen = {}
    for number in range(3_000):
        result = drawn(spec, f"r{number}")
        seen[tuple(result.order.tolist())] = float(np.prod(result.propensities))
    possible = {
        each: found for each in permutations(range(4)) if (found := probability(spec, each))
    }

    assert math.fsum(possible.values()) == pytest.approx(1.0)
    assert seen.keys() == possible.keys()
    assert seen == pytest.approx(possible, rel=1e-12)


@pytest.mark.parametrize("spec", [EPSILON, SOFTMAX], ids=["epsilon", "plackett_luce"])
def test_orders_come_as_often_as_their_propensities_say(spec):
    count = 20_000
    seen = Counter(tuple(drawn(spec, f"r{n}").order.tolist()) for n in range(count))
    expected = {
        each: count * found
        for each in permutations(range(4))
        if (found := probability(spec, each))
    }

    fit = chisquare([seen[each] for each in expected], list(expected.values()))
    assert fit.pvalue > 0.001
    # The test can fail: the probabilities of a slightly other policy do not pass it.
    other = spec.model_copy(
        update={"epsilon": 0.45} if spec.kind == "epsilon" else {"temperature": 0.6}
    )
    wrong = [count * probability(other, each) for each in expected]
    assert chisquare([seen[each] for each in expected], wrong).pvalue < 1e-6


@pytest.mark.parametrize("spec", [EPSILON, SOFTMAX], ids=["epsilon", "plackett_luce"])
def test_at_every_slot_the_propensities_sum_to_one(spec):
    sums = {}
    for number in range(3_000):
        result = drawn(spec, f"r{number}")
        for slot in range(4):
            above = tuple(result.order[:slot].tolist())
            here = sums.setdefault(above, {})
            here[int(result.order[slot])] = float(result.propensities[slot])

    assert len(sums) > 10
    for here in sums.values():
        assert math.fsum(here.values()) == pytest.approx(1.0)


def test_a_request_asked_again_is_answered_alike():
    first, again = drawn(SOFTMAX, "r1"), drawn(SOFTMAX, "r1")
    others = {tuple(drawn(SOFTMAX, f"r{n}").order.tolist()) for n in range(50)}
    seeded = SOFTMAX.model_copy(update={"seed": 1})

    np.testing.assert_array_equal(first.order, again.order)
    np.testing.assert_array_equal(first.propensities, again.propensities)
    assert len(others) > 5
    assert any(
        drawn(SOFTMAX, f"r{n}").order.tolist() != drawn(seeded, f"r{n}").order.tolist()
        for n in range(20)
    )


def test_the_draws_of_an_id_never_change():
    # An answer can be recomputed years later; another hash or stream would break that silently.
    assert SOFTMAX.chances("r1", 3).tolist() == PINNED
    assert SOFTMAX.chances("r1", 6).tolist()[:3] == PINNED


@pytest.mark.parametrize("spec", [
    EpsilonSlots(kind="epsilon", epsilon=1.0, slots=(1, 2, 3, 4, 5, 6)),
    PlackettLuce(kind="plackett_luce", temperature=100.0, slots=6),
], ids=["epsilon", "plackett_luce"])  # fmt: skip
def test_an_ad_is_never_moved_and_takes_no_part(spec):
    slate = Slate(
        np.array(list("abcdefg")), np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]),
        is_ad=np.array([False, False, True, False, False, True, False]),
        revenue=np.array([0, 0, 5.0, 0, 0, 4.0, 0]),
    )  # fmt: skip
    order = insert_ads(slate, alpha=0.0, first=2, gap=2)
    fixed = slate.is_ad[order]
    moved = set()
    for number in range(200):
        result = drawn(spec, f"r{number}", order, slate.scores, fixed)
        assert sorted(result.order.tolist()) == list(range(7))
        np.testing.assert_array_equal(result.order[fixed], order[fixed])
        assert (result.propensities[fixed] == 1.0).all()
        assert result.propensities[0] < 1.0
        moved.add(tuple(result.order.tolist()))
    assert len(moved) > 50


def test_an_item_is_drawn_by_the_score_of_the_slot_it_was_moved_to():
    # Mechanisms put the lowest score on top: with little chance it stays there.
    cool = PlackettLuce(kind="plackett_luce", temperature=0.01, slots=4)
    moved = Arrangement(declared=(Spacing(kind="spacing"),), exploration=cool)
    result = moved.explored(np.array([0, 1, 2, 3]), SCORES, None, "r1")

    assert result.order.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("scores", [
    [1e308, -1e308, 0.0, 1.0], [0.0] * 4, [0.0, 1e-300, 5e-324, -0.0], [1e6, 1e3, 0, -1e6],
])  # fmt: skip
def test_extreme_scores_have_probabilities(scores):
    fine = PlackettLuce(kind="plackett_luce", temperature=1e-3, slots=4)
    given = np.array(scores)
    order = np.argsort(-given, kind="stable")
    for number in range(20):
        found = drawn(fine, f"r{number}", order, given).propensities
        assert ((found > 0) & (found <= 1)).all()
        assert found[-1] == 1.0


@pytest.mark.parametrize("spec", [EPSILON, SOFTMAX], ids=["epsilon", "plackett_luce"])
def test_short_lists_are_explored_as_far_as_they_go(spec):
    none = np.array([], np.int64)
    assert drawn(spec, "r", none, np.array([])).order.tolist() == []
    one = drawn(spec, "r", np.array([0]), np.array([0.3]))

    assert one.order.tolist() == [0]
    assert one.propensities.tolist() == pytest.approx([1.0])


def test_nothing_that_was_handed_in_is_changed():
    order, scores = ORDER.copy(), SCORES.copy()
    for spec in (EPSILON, SOFTMAX):
        for number in range(20):
            drawn(spec, f"r{number}", order, scores)

    np.testing.assert_array_equal(order, ORDER)
    np.testing.assert_array_equal(scores, SCORES)


@pytest.mark.parametrize("declared", [
    {"kind": "epsilon", "epsilon": 0.0, "slots": [1]},
    {"kind": "epsilon", "epsilon": 1.1, "slots": [1]},
    {"kind": "epsilon", "epsilon": 0.1, "slots": []},
    {"kind": "epsilon", "epsilon": 0.1, "slots": [0]},
    {"kind": "epsilon", "epsilon": 0.1, "slots": [2, 2]},
    {"kind": "plackett_luce", "temperature": 0.0},
    {"kind": "plackett_luce", "temperature": 0.1, "slots": 0},
    {"kind": "magic"},
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(declared):
    with pytest.raises(ValidationError):
        Arrangement.model_validate({"exploration": declared})


def test_an_arrangement_keeps_it_and_one_without_keeps_its_bytes(tmp_path):
    silent = Arrangement(declared=(Spacing(kind="spacing"),))
    silent.save(tmp_path)
    assert (tmp_path / ARRANGEMENT).read_bytes() == (
        b'{"declared":[{"depth":50,"kind":"spacing","of":"category","only":[],"weight":0.1,'
        b'"window":3}],"prices":null}'
    )
    for spec in (EPSILON, SOFTMAX):
        Arrangement(exploration=spec).save(tmp_path)
        assert Arrangement.load(tmp_path).exploration == spec


REWARDS = np.array([0.1, 0.3, 0.2, 0.8])
"""Probability of a click on each item in any slot."""
EXAMINED = np.array([1.0, 0.6, 0.4, 0.2])


def explored_log(spec, requests=6_000):
    """Answers with their propensities, and clicks that hang on item and slot."""
    rng = np.random.default_rng(11)
    rows, clicks, targets = [], [], []
    for number in range(requests):
        result = drawn(spec, f"r{number}")
        user, request = f"u{number % 1_500}", f"r{number}"
        # The policy to be judged shows items 3, 2, 1, 0, whatever is above.
        as_wanted = result.order == [3, 2, 1, 0]
        for slot, (row, propensity) in enumerate(
            zip(result.order.tolist(), result.propensities.tolist(), strict=True)
        ):
            at = 1_000_000 * (number + 1)
            rows.append((request, user, "s", at, f"i{row}", slot + 1, propensity))
            targets.append(float(as_wanted[slot]))
            if rng.random() < REWARDS[row] * EXAMINED[slot]:
                clicks.append((request, user, f"i{row}", "click", 1.0, at + 1, at + 1))
    return rows, clicks, np.array(targets)


def tables(rows, clicks):
    stamp = pl.Datetime("us", "UTC")
    exposures = pl.DataFrame(
        rows,
        schema=["request_id", "user_id", "surface", "ts", "item_id", "position", "propensity"],
        orient="row",
    ).with_columns(
        pl.col("ts").cast(stamp), pl.col("position").cast(pl.Int32),
        score=pl.lit(None, pl.Float64), release=pl.lit(None, pl.String),
    )  # fmt: skip
    feedback = pl.DataFrame(
        clicks,
        schema=["request_id", "user_id", "item_id", "kind", "value", "ts", "received_ts"],
        orient="row",
    ).with_columns(pl.col("ts", "received_ts").cast(stamp))
    from sluice.data.frames import empty_frame

    return log_tables(exposures, feedback, empty_frame("items"))


@pytest.mark.parametrize(
    "spec",
    [
        EpsilonSlots(kind="epsilon", epsilon=0.8, slots=(1, 2, 3, 4)),
        PlackettLuce(kind="plackett_luce", temperature=1.0, slots=4),
    ],
    ids=["epsilon", "plackett_luce"],
)
def test_what_another_policy_would_have_earned_is_estimated_without_bias(spec):
    rows, clicks, targets = explored_log(spec)
    log = logged_slates(tables(rows, clicks), targets, given=SlotProbability.CONDITIONAL)
    answer = estimate(RewardInteractionIps(), log)
    truth = float(REWARDS[[3, 2, 1, 0]] @ EXAMINED)
    own = len(clicks) / 6_000

    assert answer.low <= truth <= answer.high
    assert abs(answer.value - truth) < 3 * answer.standard_error
    assert answer.standard_error < 0.06
    # It is told apart from what the log itself earned.
    assert abs(own - truth) > 3 * answer.standard_error


def test_propensities_given_the_items_above_are_no_marginal_ones():
    rows, clicks, targets = explored_log(SOFTMAX, 50)
    log = logged_slates(tables(rows, clicks), targets, given=SlotProbability.CONDITIONAL)
    with pytest.raises(Exception, match="conditional"):
        IndependentIps().contributions(log)
