import math

import numpy as np
import pytest

from sluice.errors import DataError, TooLittleData
from sluice.metrics import Evaluation, Paired, compare, compare_pairs
from sluice.metrics.clusters import Clusters, by_cluster


def evaluation(values) -> Evaluation:
    vector = np.array(values, np.float64)
    return Evaluation(
        {"mrr": vector}, requests=len(vector), dropped=int(np.isnan(vector).sum())
    )


def compared(ours, theirs, users, *, seed=0, **settings):
    rng = np.random.default_rng(seed)
    return compare(
        evaluation(ours), evaluation(theirs), np.array(users), "mrr", rng=rng, **settings
    )


def world(rng, *, users=40, effect=0.0, user_spread=0.3, noise=0.5):
    """Users of unequal activity, each with a taste of their own for the candidate."""
    sizes = rng.integers(1, 8, size=users)
    owner = np.repeat(np.arange(users), sizes)
    taste = rng.normal(effect, user_spread, size=users)
    reference = rng.normal(size=len(owner))
    return (
        reference + taste[owner] + rng.normal(0, noise, size=len(owner)),
        reference,
        owner,
    )


def test_hand_computed_means_and_counts():
    result = compared([1, 0.5, math.nan, 0.25], [0.5, 0.5, 1, math.nan], [7, 9, 7, 9])

    assert (result.requests, result.clusters) == (2, 2)
    assert (result.candidate, result.reference, result.difference) == (0.75, 0.5, 0.25)
    assert result.low == 0.0
    assert result.high == 0.5


def test_the_standard_error_by_hand():
    # Without either user the mean is that of the other, 1/2 or 3/2: 1 / 2 * (1/4 + 1/4).
    clusters = Clusters(np.array([3.0, 1.0]), np.array([2.0, 2.0]))

    assert clusters.standard_error() == pytest.approx(math.sqrt(0.25))


def test_the_standard_error_of_single_requests_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(size=50)
    plain = values.std(ddof=1) / math.sqrt(50)

    assert Clusters(values, np.ones(50)).standard_error() == pytest.approx(plain)


def test_other_codes_for_the_same_people_draw_the_same_resamples():
    ours, theirs, users = world(np.random.default_rng(0))
    codes = np.random.default_rng(1).permutation(int(users.max()) + 1)[users] - 10**18

    assert compared(ours, theirs, codes) == compared(ours, theirs, users)


def test_the_minimum_detectable_effect_is_2_8_standard_errors_at_95_percent():
    ours, theirs, users = world(np.random.default_rng(0))
    result = compared(ours, theirs, users)
    clusters = by_cluster(ours - theirs, np.ones(len(users)), users)

    error = clusters.standard_error()
    assert result.minimum_detectable == pytest.approx(
        (1.959964 + 0.841621) * error, rel=1e-6
    )


def test_a_ranking_against_itself_differs_by_nothing():
    values = np.random.default_rng(0).random(30)
    result = compared(values, values, np.arange(30))

    assert (result.difference, result.low, result.high, result.minimum_detectable) == (
        0,
        0,
        0,
        0,
    )


def test_two_equally_good_rankings_have_zero_in_the_interval():
    ours, theirs, users = world(np.random.default_rng(5), users=400)
    result = compared(ours, theirs, users)

    assert result.low < 0 < result.high


def test_repeating_a_users_requests_does_not_narrow_the_interval():
    ours, theirs, users = world(np.random.default_rng(1))
    once = compared(ours, theirs, users)
    tenfold = compared(np.repeat(ours, 10), np.repeat(theirs, 10), np.repeat(users, 10))

    assert tenfold.clusters == once.clusters
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_other_codes_for_the_same_users_change_nothing():
    ours, theirs, users = world(np.random.default_rng(2))
    codes = np.random.default_rng(3).permutation(1000)[: users.max() + 1]

    assert compared(ours, theirs, codes[users]) == compared(ours, theirs, users)


def test_the_same_generator_state_gives_the_same_interval():
    ours, theirs, users = world(np.random.default_rng(2))

    assert compared(ours, theirs, users, seed=4) == compared(ours, theirs, users, seed=4)
    assert (
        compared(ours, theirs, users, seed=4).low
        != compared(ours, theirs, users, seed=5).low
    )


def test_swapping_the_sides_mirrors_the_interval():
    ours, theirs, users = world(np.random.default_rng(2))
    forth, back = compared(ours, theirs, users), compared(theirs, ours, users)

    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))


def test_more_confidence_is_a_wider_interval():
    ours, theirs, users = world(np.random.default_rng(2))
    wide, narrow = (compared(ours, theirs, users, confidence=c) for c in (0.99, 0.8))

    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.minimum_detectable > narrow.minimum_detectable


def test_the_standard_error_is_that_of_leaving_out_one_user_at_a_time():
    rng = np.random.default_rng(4)
    sums, sizes = rng.normal(size=7), rng.integers(1, 30, size=7).astype(np.float64)
    without = np.array(
        [np.delete(sums, at).sum() / np.delete(sizes, at).sum() for at in range(7)]
    )
    whole = sums.sum() / sizes.sum()

    jackknife = math.sqrt(6 / 7 * np.square(without - whole).sum())
    assert Clusters(sums, sizes).standard_error() == pytest.approx(jackknife)


def test_one_heavy_user_is_not_many():
    even = Clusters(np.zeros(10), np.full(10, 3.0))
    heavy = Clusters(np.zeros(10), np.array([91.0, *[1.0] * 9]))

    assert even.effective == pytest.approx(10)
    assert heavy.effective == pytest.approx(100**2 / (91**2 + 9))


def test_a_request_of_weight_two_counts_as_two():
    def of(ours, users, weights):
        zeros = np.zeros(len(ours))
        paired = Paired("m", np.array(ours), zeros, np.array(users), np.array(weights))
        return compare_pairs(paired, rng=np.random.default_rng(0))

    weighted = of([0.5, 1.0, 0.0], [1, 2, 3], [2.0, 1.0, 1.0])
    repeated = of([0.5, 0.5, 1.0, 0.0], [1, 1, 2, 3], [1.0] * 4)

    assert weighted.difference == repeated.difference == 0.5
    assert (weighted.low, weighted.high) == (repeated.low, repeated.high)
    assert weighted.minimum_detectable == repeated.minimum_detectable


@pytest.mark.parametrize(
    ("bound", "chance"), [(0.5, 0.5), (0.8, 0.05), (0.2, 0.95)], ids=str
)
def test_the_chance_of_at_least_a_bound_falls_with_it(bound, chance):
    clusters = Clusters(np.tile([0.0, 1.0], 4), np.ones(8))  # error 0.19, 7 degrees

    assert clusters.chance_of_at_least(bound) == pytest.approx(chance, abs=0.03)


def test_without_error_the_chance_is_certainty():
    same = Clusters(np.zeros(5), np.ones(5))

    assert same.chance_of_at_least(0.0) == 1
    assert same.chance_of_at_least(0.001) == 0


def test_an_effect_of_the_minimum_detectable_size_is_found_four_times_in_five():
    rng = np.random.default_rng(12)
    found = 0
    for _ in range(200):
        ours, theirs, users = world(rng, users=60)
        mde = compared(ours, theirs, users, resamples=10).minimum_detectable
        result = compared(
            ours + mde, theirs, users, seed=int(rng.integers(1 << 30)), resamples=300
        )
        found += result.low > 0

    assert found / 200 == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize(
    ("ours", "theirs", "users"),
    [([], [], []), ([math.nan], [1.0], [1]), ([1.0, 0.5], [0.5, 1.0], [3, 3])],
    ids=["no request", "none judged", "one user"],
)
def test_fewer_than_two_judged_users_are_too_little(ours, theirs, users):
    with pytest.raises(TooLittleData, match="2 users are needed"):
        compared(ours, theirs, np.array(users, np.int64))


def test_evaluations_of_other_requests_are_refused():
    with pytest.raises(DataError, match="2 candidate requests, 1 reference"):
        compared([1.0, 0.5], [0.5], [1, 2])


def test_an_unknown_metric_is_refused():
    with pytest.raises(DataError, match="no metric 'auc'"):
        compare(
            evaluation([1]),
            evaluation([1]),
            np.array([1]),
            "auc",
            rng=np.random.default_rng(0),
        )
