import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from sluice.errors import ConfigError, DataError, TooLittleData
from sluice.mechanisms import rank_by
from sluice.metrics import likeness, noise_floor
from tests.lib.frames import flat, frame_of


def alike(ours, theirs, **settings) -> dict[str, np.ndarray]:
    frame = frame_of([[0] * len(group) for group in ours])
    return dict(likeness(flat(ours), flat(theirs), frame, **settings).values)


def shown(scores, first: int) -> list[int]:
    """As the server shows it; a frame's ids run on, and sort like text, i10 before i2."""
    ids = [f"i{first + at}" for at in range(len(scores))]
    return rank_by(np.array(scores, np.float64), ids).tolist()


def slow_overlap(left, right, k) -> float:
    depth = min(k, len(left))
    return len({*left[:depth]} & {*right[:depth]}) / depth


def slow_rbo(left, right, p) -> float:
    """Webber et al. 2010, eq. 30, as it is written there."""
    size = len(left)
    common = [len({*left[:d]} & {*right[:d]}) for d in range(1, size + 1)]
    summed = sum(common[d - 1] / d * p**d for d in range(1, size + 1))
    return common[-1] / size * p**size + (1 - p) / p * summed


@st.composite
def two_scorings(draw):
    sizes = draw(st.lists(st.integers(2, 14), min_size=1, max_size=4))
    score = st.integers(0, draw(st.sampled_from([3, 1000])))

    def scoring():
        return [draw(st.lists(score, min_size=size, max_size=size)) for size in sizes]

    return scoring(), scoring()


@given(two_scorings())
def test_all_three_agree_with_slow_references(drawn):
    ours, theirs = drawn
    found = alike(ours, theirs, k=3, persistence=0.8)

    first = 0
    for at, (left, right) in enumerate(zip(ours, theirs, strict=True)):
        orders = shown(left, first), shown(right, first)
        first += len(left)
        assert found["overlap@3"][at] == pytest.approx(slow_overlap(*orders, 3))
        assert found["rbo@0.8"][at] == pytest.approx(slow_rbo(*orders, 0.8))
        constant = len({*left}) == 1 or len({*right}) == 1
        tau = math.nan if constant else kendalltau(left, right).statistic
        assert found["kendall"][at] == pytest.approx(tau, nan_ok=True)


def test_values_by_hand():
    found = alike([[4, 3, 2, 1]], [[4, 3, 1, 2]], k=3, persistence=0.5)

    # Of six pairs, one is turned; at depth 3 two of three places are shared.
    assert found["kendall"] == pytest.approx([(5 - 1) / 6])
    assert found["overlap@3"] == pytest.approx([2 / 3])
    assert found["rbo@0.5"] == pytest.approx([1 / 2 + 1 / 4 + 2 / 3 / 8 + 1 / 16 + 1 / 16])


def test_the_reverse_order_is_as_unlike_as_can_be():
    found = alike([[1, 2, 3, 4]], [[4, 3, 2, 1]], k=2)

    assert found["kendall"] == pytest.approx([-1])
    assert found["overlap@2"] == [0]


@given(two_scorings())
def test_it_does_not_matter_which_model_comes_first(drawn):
    forth, back = alike(*drawn), alike(*reversed(drawn))

    for name in forth:
        np.testing.assert_allclose(forth[name], back[name])


@given(two_scorings())
def test_equal_scores_are_equal_orders_ties_and_all(drawn):
    found = alike(drawn[0], drawn[0])

    np.testing.assert_allclose(found["overlap@10"], 1)
    np.testing.assert_allclose(found["rbo@0.9"], 1)
    known = found["kendall"][~np.isnan(found["kendall"])]
    np.testing.assert_allclose(known, 1)


@given(two_scorings(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, random):
    ours, theirs = (flat(groups) for groups in drawn)
    frame = frame_of([[0] * len(group) for group in drawn[0]])
    order = np.concatenate(
        [
            random.sample(range(low, high), high - low)
            for low, high in itertools.pairwise(frame.offsets.tolist())
        ]
    ).astype(np.int64)
    moved = replace(frame, item_ids=frame.item_ids[order])

    before = likeness(ours, theirs, frame).values
    after = likeness(ours[order], theirs[order], moved).values
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


@given(two_scorings())
def test_only_the_order_of_scores_matters(drawn):
    ours, theirs = drawn
    stretched = [[score**3 - 7.5 for score in group] for group in theirs]
    before, after = alike(ours, theirs), alike(ours, stretched)

    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_requests_of_one_candidate_are_dropped():
    frame = frame_of([[0], [1, 0], []])
    found = likeness(np.arange(3.0), np.arange(3.0), frame)

    assert found.dropped == 2
    for name in found.names:
        np.testing.assert_array_equal(found.values[name], [math.nan, 1, math.nan])
        assert found.mean(name) == 1


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"k": 0}, "cutoff 0"), ({"persistence": 1.0}, "persistence 1.0")],
)
def test_settings_without_meaning_are_refused(settings, error):
    with pytest.raises(ConfigError, match=error):
        alike([[1, 2]], [[1, 2]], **settings)


@pytest.mark.parametrize(
    ("scores", "error"), [([1.0], "one a row"), ([1.0, math.nan], "1 of 2 scores are NaN")]
)
def test_scores_of_other_rows_or_none_are_refused(scores, error):
    with pytest.raises(DataError, match=error):
        likeness(np.array(scores), np.zeros(2), frame_of([[1, 0]]))


def test_without_retrains_there_is_no_floor():
    with pytest.raises(TooLittleData, match="no noise floor"):
        noise_floor([])


def test_the_floor_is_the_mean_of_each_request():
    first = likeness(flat([[2, 1]]), flat([[2, 1]]), frame_of([[0, 0]]))
    second = likeness(flat([[2, 1]]), flat([[1, 2]]), frame_of([[0, 0]]))

    assert noise_floor([first, second]).values["kendall"] == [0]
