import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from sluice.errors import DataError, TooLittleData
from sluice.metrics import (
    CalibrationRule,
    Paired,
    Predictions,
    calibrations,
    compare_pairs,
    measure_calibration,
    predictions_of,
)
from sluice.metrics.calibration import log_likelihood, normalized_entropy, reliability
from tests.lib.frames import frame_of


def predictions(probabilities, outcomes, users=None) -> Predictions:
    given = np.array(probabilities, np.float64)
    owners = np.arange(len(given)) if users is None else np.array(users)
    return Predictions(given, np.array(outcomes, np.float64), owners)


def world(
    seed: int = 0, *, bias: float = 1.0, users: int = 400, rows: int = 20
) -> Predictions:
    """Probabilities that promise `bias` times what comes."""
    rng = np.random.default_rng(seed)
    true = rng.beta(2, 8, size=users * rows)
    outcomes = (rng.random(users * rows) < true).astype(np.float64)
    return Predictions(
        np.minimum(true * bias, 1), outcomes, np.repeat(np.arange(users), rows)
    )


def measured(given: Predictions, **settings):
    return measure_calibration(given, rng=np.random.default_rng(0), **settings)


def test_figures_by_hand():
    found = measured(predictions([0.5, 0.25, 0.75, 0.5] * 9, [1, 0, 1, 0] * 9), bins=2)

    log2 = math.log(2)
    loss = (log2 - 2 * math.log(0.75) + log2) / 4
    assert found.normalized_entropy == pytest.approx(loss / log2)
    assert found.ratio == 1.0
    # 0.25 is in one bin, with 0 observed; 0.5, 0.5 and 0.75 in the other, with 2 / 3.
    assert found.expected_error == pytest.approx(1 / 4 * 0.25 + 3 / 4 * (2 / 3 - 1.75 / 3))
    assert (found.rows, found.positives, found.users) == (36, 18, 36)


def test_always_predicting_the_mean_has_an_entropy_of_one_and_no_error():
    found = measured(predictions([0.25] * 80, [1, 0, 0, 0] * 20))

    assert found.normalized_entropy == pytest.approx(1)
    assert found.expected_error == 0


def test_the_entropy_is_scikit_learns_log_loss_over_that_of_the_mean():
    given = world(1)
    mean = given.outcomes.mean()

    expected = log_loss(given.outcomes, given.probabilities) / log_loss(
        given.outcomes, np.full(given.rows, mean)
    )
    assert normalized_entropy(given) == pytest.approx(expected)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_certainty_that_is_wrong_is_dear_and_not_infinite(certain):
    loss = normalized_entropy(predictions([certain, 0.5], [1 - certain, certain]))

    assert 10 < loss < math.inf


def test_calibrated_probabilities_are_found_calibrated():
    found = measured(world(2))

    assert found.low < 1 < found.high
    assert found.normalized_entropy < 1
    assert found.expected_error < 0.02


def test_a_promise_of_a_tenth_too_much_is_found():
    found = measured(world(2, bias=1.1))

    assert found.low > 1.03
    assert found.ratio == pytest.approx(1.1, abs=0.03)


def test_a_users_repeated_rows_are_not_more_evidence():
    given = world(3, users=60)
    tenfold = Predictions(
        *(
            np.repeat(column, 10)
            for column in (given.probabilities, given.outcomes, given.users)
        )
    )

    once, repeated = measured(given), measured(tenfold)
    assert (once.low, once.high) == pytest.approx((repeated.low, repeated.high))


def test_bins_hold_equally_many_rows():
    probabilities = np.random.default_rng(0).permutation(100) / 100
    bins = reliability(predictions(probabilities, [0, 1] * 50), 7)

    assert bins.counts.sum() == 100
    assert set(bins.counts.tolist()) <= {14, 15}
    assert (np.diff(bins.predicted) > 0).all()


stepped = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.integers(0, 1)),
    min_size=1,
    max_size=40,
)


@given(stepped, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_to_the_bins(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    before, after = (
        reliability(predictions(*zip(*rows, strict=True)), 4) for rows in (drawn, shuffled)
    )

    assert before.counts.tolist() == after.counts.tolist()
    np.testing.assert_allclose(before.observed, after.observed)
    assert before.expected_error == pytest.approx(after.expected_error)
    assert 0 <= before.expected_error <= 1


def test_better_probabilities_are_found_better_by_a_paired_interval():
    given = world(4)
    offsets = np.arange(0, given.rows + 1, 20)
    blunt = Predictions(np.full(given.rows, 0.2), given.outcomes, given.users)
    ours, theirs = log_likelihood(given, offsets), log_likelihood(blunt, offsets)
    sizes = np.diff(offsets).astype(np.float64)
    paired = Paired("log_likelihood", ours, theirs, np.arange(len(sizes)), sizes)

    found = compare_pairs(paired, rng=np.random.default_rng(0))

    mean = given.outcomes.mean()
    base = -(mean * np.log(mean) + (1 - mean) * np.log1p(-mean))
    entropies = normalized_entropy(given) - normalized_entropy(blunt)
    assert found.difference == pytest.approx(-entropies * base)
    assert found.low > 0


def test_a_request_without_rows_has_no_likelihood():
    values = log_likelihood(predictions([0.5], [1]), np.array([0, 1, 1]))

    np.testing.assert_allclose(values, [math.log(0.5), math.nan])


def test_predictions_of_a_frame_go_by_its_labels_and_requests():
    frame = frame_of([[2, 0], [0, 0, 1]])
    given = predictions_of(np.full(5, 0.3), frame)

    assert given.outcomes.tolist() == [1, 0, 0, 0, 1]
    assert given.users.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("probabilities", "outcomes", "says"),
    [
        ([0.5, 1.5], [0, 1], "1 of 2 probabilities are not in 0..1"),
        ([0.5, math.nan], [0, 1], "1 of 2 probabilities are not in 0..1"),
        ([0.5, 0.5], [0, 2], "1 of 2 outcomes are neither 0 nor 1"),
        ([0.5, 0.5], [0], "one a row"),
    ],
)
def test_what_is_no_probability_or_outcome_is_refused(probabilities, outcomes, says):
    with pytest.raises(DataError, match=says):
        predictions(probabilities, outcomes)


@pytest.mark.parametrize(
    ("outcomes", "users"),
    [
        ([0, 0, 0], [1, 2, 3]),
        ([1, 1, 1], [1, 2, 3]),
        ([1, 0, 0], [1, 2, 3]),
        ([1, 1, 0, 0], [1, 2, 3, 4]),
        ([], []),
    ],
    ids=["no positive", "nothing else", "one user's", "two users'", "no row"],
)
def test_too_few_outcomes_have_no_figures(outcomes, users):
    with pytest.raises(TooLittleData):
        measured(predictions([0.5] * len(outcomes), outcomes, users))


RULE = CalibrationRule(floor=0.9, ceiling=1.1, resamples=500)


def judged(given: Predictions, labels, rule=RULE) -> dict[str, str]:
    found = calibrations(given, labels, rule, rng=np.random.default_rng(0))
    return {one.name: one.decision.outcome for one in found}


def test_a_slice_that_is_promised_too_much_fails_though_the_whole_is_sound():
    given = world(5, users=2000)
    position = np.where(np.arange(given.rows) % 20 < 2, "top", "below")
    skewed = np.where(position == "top", 1.4, 0.96) * given.probabilities
    given = Predictions(np.minimum(skewed, 1), given.outcomes, given.users)

    outcomes = judged(given, {"slot": position})

    assert outcomes == {"all": "pass", "slot=below": "pass", "slot=top": "fail"}


@pytest.mark.parametrize(
    ("users", "says"),
    [(30, "the rule asks 200 of 50"), (1, "2 are needed")],
)
def test_a_slice_with_too_little_is_inconclusive(users, says):
    given = world(6)
    labels = {"device": np.where(given.users < users, "tv", "phone")}
    found = calibrations(given, labels, RULE, rng=np.random.default_rng(0))

    tv = found[-1]
    assert (tv.name, tv.decision.outcome) == ("device=tv", "inconclusive")
    assert says in tv.decision.reason


def test_of_sound_probabilities_no_more_than_alpha_are_accused():
    # At the bound itself, in eight slices: the hardest case of the null hypothesis.
    # All rows are a claim of their own, and the slices one together.
    worlds, accused, whole = 150, 0, 0
    for seed in range(worlds):
        given = world(100 + seed, bias=1.1, users=480, rows=10)
        labels = {"part": np.array(list("abcdefgh"))[given.users % 8]}
        rule = CalibrationRule(floor=0.9, ceiling=1.1, positives=50, resamples=300)
        outcomes = judged(given, labels, rule)
        whole += outcomes.pop("all") == "fail"
        accused += "fail" in outcomes.values()

    for many in (accused, whole):
        assert many / worlds <= 0.025 + 2 * math.sqrt(0.025 * 0.975 / worlds)
