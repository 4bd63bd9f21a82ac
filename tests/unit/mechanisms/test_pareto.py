import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.mechanisms.exposure import gini, position_weights, shuffled_exposure
from sluice.mechanisms.pareto import pareto_optimal

POINTS = st.lists(
    st.lists(st.integers(0, 3).map(float), min_size=2, max_size=2), min_size=1, max_size=8
)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([[1, 1], [2, 0], [0, 2]], [True, True, True]),
        ([[1, 1], [2, 1], [0, 2]], [False, True, True]),
        ([[1, 1], [1, 1]], [True, True]),
        ([[0, 0]], [True]),
    ],
)
def test_a_point_that_another_beats_is_not_on_the_front(gains, expected):
    assert pareto_optimal(np.array(gains, np.float64)).tolist() == expected


@given(POINTS)
def test_every_point_off_the_front_is_dominated_by_one_on_it(points):
    gains = np.array(points)
    front = pareto_optimal(gains)

    assert front.any()
    for point in gains[~front]:
        assert any(
            (other >= point).all() and (other > point).any() for other in gains[front]
        )


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [([1, 1, 1, 1], 0.0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25), ([5], 0.0)],
)
def test_gini_is_by_hand(exposure, expected):
    assert gini(np.array(exposure, np.float64)) == pytest.approx(expected)


def test_gini_of_nothing_is_unknown_and_rows_are_apart():
    found = gini(np.array([[0.0, 0.0], [1.0, 3.0]]))

    np.testing.assert_allclose(found, [np.nan, 0.25])


def test_a_shuffle_gives_every_candidate_the_mean_of_the_slots():
    offsets = np.array([0, 2, 2, 5])
    v1, v2, v3 = position_weights(3)

    np.testing.assert_allclose(
        shuffled_exposure(offsets), [(v1 + v2) / 2] * 2 + [(v1 + v2 + v3) / 3] * 3
    )
    assert position_weights(3)[[0, 2]].tolist() == [1.0, 0.5]
