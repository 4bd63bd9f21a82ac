import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.metrics.holm import holm

# p-values, adjusted
TABLE = [
    ([], []),
    ([0.04], [0.04]),
    ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
    # The adjusted values never fall where the p-values rise.
    ([0.01, 0.011, 0.5], [0.03, 0.03, 0.5]),
    # Holm's own example of order: the smallest counts four times, the largest once.
    ([0.005, 0.011, 0.02, 0.04], [0.02, 0.033, 0.04, 0.04]),
    ([0.5, 0.6], [1.0, 1.0]),
    ([0.0, 1.0], [0.0, 1.0]),
    ([0.02, 0.02], [0.04, 0.04]),
]


@pytest.mark.parametrize(("given_", "expected"), TABLE)
def test_adjusted_values_by_hand(given_, expected):
    assert holm(np.array(given_, np.float64)) == pytest.approx(expected)


chances = st.lists(st.floats(0, 1), min_size=1, max_size=8).map(np.array)


@given(chances)
def test_adjusting_never_makes_surer_and_is_no_stricter_than_bonferroni(given_):
    adjusted = holm(given_)

    assert np.all(adjusted >= given_)
    assert np.all(adjusted <= np.minimum(given_ * len(given_), 1))


@given(chances, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(given_, random):
    order = random.sample(range(len(given_)), len(given_))

    np.testing.assert_array_equal(holm(given_[order]), holm(given_)[order])
