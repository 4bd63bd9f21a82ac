import math

import numpy as np
import pytest

from sluice.errors import ConfigError, DataError
from sluice.mechanisms import Utility

CLICK, HIDE = np.array([0.5, 0.1]), np.array([0.1, 0.0])


def test_it_is_the_weighted_sum():
    utility = Utility("feed", 1, {"click": 2.0, "hide": -4.0})

    np.testing.assert_allclose(utility.score({"click": CLICK, "hide": HIDE}), [0.6, 0.2])


def test_objectives_without_a_weight_are_ignored():
    utility = Utility("feed", 1, {"click": 1.0})

    np.testing.assert_array_equal(utility.score({"click": CLICK, "like": HIDE}), CLICK)


def test_the_order_of_weights_does_not_change_a_bit():
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(size=1000) for name in "abcdef"}
    weights = {name: float(rng.normal()) for name in scores}
    backwards = dict(reversed(weights.items()))

    np.testing.assert_array_equal(
        Utility("u", 1, weights).score(scores), Utility("u", 1, backwards).score(scores)
    )


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"click": CLICK}, r"no scores of \['hide'\]; there are: click"),
        ({"click": CLICK, "hide": HIDE[:1]}, "not of the same rows"),
        (
            {"click": CLICK, "hide": np.array([0.1, math.nan])},
            "1 scores of hide are not finite",
        ),
        (
            {"click": np.array([math.inf, 0]), "hide": HIDE},
            "1 scores of click are not finite",
        ),
    ],
)
def test_scores_that_make_no_sum_are_refused(scores, message):
    with pytest.raises(DataError, match=message):
        Utility("feed", 1, {"click": 1.0, "hide": -1.0}).score(scores)


@pytest.mark.parametrize("weights", [{}, {"click": math.nan}, {"click": math.inf}])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(ConfigError, match="utility feed"):
        Utility("feed", 1, weights)
