import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import TooLittleData
from sluice.rankers.calibration import Isotonic, Platt, calibrate, log_loss


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def drawn(rows, probability, *, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=rows)
    return scores, rng.random(rows) < probability(scores)


def test_platt_finds_the_sigmoid_that_drew_the_outcomes():
    fitted = Platt.fit(*drawn(40_000, lambda s: sigmoid(1.7 * s - 2)))

    assert fitted.slope == pytest.approx(1.7, abs=0.1)
    assert fitted.bias == pytest.approx(-2, abs=0.1)


def test_platt_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    scores, outcomes = drawn(5_000, sigmoid)
    fitted = Platt.fit(scores, outcomes)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(scores[:, None], outcomes)

    # Platt's smoothed targets move it by one in the number of rows.
    assert fitted.slope == pytest.approx(theirs.coef_[0, 0], rel=5e-3)


def test_a_score_that_foretells_the_opposite_leaves_the_mean():
    scores, outcomes = drawn(5_000, lambda s: sigmoid(-2 * s))
    fitted = Platt.fit(scores, outcomes)

    assert fitted.slope == 0
    np.testing.assert_allclose(fitted.probabilities(scores), outcomes.mean(), rtol=1e-3)


@pytest.mark.parametrize("scores", [np.zeros(100), np.full(100, 1e6)], ids=["0", "1e6"])
def test_scores_that_are_all_alike_have_the_mean_as_probability(scores):
    outcomes = np.arange(100) % 4 == 0
    curves = Platt.fit(scores, outcomes), Isotonic.fit(scores, outcomes)

    for curve in curves:
        np.testing.assert_allclose(curve.probabilities(scores), 0.25, atol=0.01)


def test_the_isotonic_curve_stands_on_the_centres_of_its_steps():
    fitted = Isotonic.fit(np.array([0.0, 1, 2, 3, 4, 6]), np.array([0, 1, 0, 1, 1, 1]) > 0)

    assert fitted.scores == (0, 3 / 2, 13 / 3)
    assert fitted.probability == (0, 1 / 2, 1)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=2, max_size=60),
)
def test_a_curve_never_falls_and_stays_between_0_and_1(rows):
    scores, outcomes = (
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
    )
    grid = np.linspace(-60, 60, 301)

    for curve in (Platt.fit(scores, outcomes), Isotonic.fit(scores, outcomes)):
        found = curve.probabilities(grid)
        assert (np.diff(found) >= 0).all()
        assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (lambda s: sigmoid(2 * s - 1), Platt),
        (lambda s: np.where(s > 1, 0.9, np.where(s > -1, 0.3, 0.25)), Isotonic),
    ],
    ids=["sigmoid", "steps"],
)
def test_the_curve_with_the_smaller_later_log_loss_is_kept(probability, expected):
    scores, outcomes = drawn(20_000, probability)
    found = calibrate(scores, outcomes)

    assert isinstance(found.curve, expected)
    assert found.log_loss[found.curve.method] == min(found.log_loss.values())
    assert log_loss(found.curve.probabilities(scores), outcomes) < log_loss(
        np.full(len(scores), outcomes.mean()), outcomes
    )


def test_a_half_without_both_outcomes_is_too_little():
    outcomes = np.arange(100) < 50

    with pytest.raises(TooLittleData, match="50 of 50 held-out rows"):
        calibrate(np.zeros(100), outcomes)
