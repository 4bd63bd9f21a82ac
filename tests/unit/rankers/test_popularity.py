import numpy as np
import pytest

from sluice.errors import DataError
from sluice.rankers import make_ranker
from tests.lib.frames import frame_of


def frame():
    return frame_of(
        [[1, 0, 0]], **{"item.click.24h": [[5, np.nan, 7]], "item.click.1h": [[0, 2, 1]]}
    )


def scores(parameters):
    fitted = make_ranker("popularity", parameters).fit(frame(), np.random.default_rng(0))
    return fitted.score(frame().features)


def test_the_clicks_of_a_day_are_the_order_and_the_unknown_goes_last():
    assert np.argsort(-scores({})).tolist() == [2, 0, 1]


def test_another_column_may_be_declared():
    assert scores({"feature": "item.click.1h"}).tolist() == [0, 2, 1]


def test_an_unknown_value_ranks_below_every_known_one():
    features = np.array([[np.nan, 0], [-3e38, 0], [0, 0]], np.float32)
    fitted = make_ranker("popularity", {}).fit(frame(), np.random.default_rng(0))
    unknown, *known = fitted.score(features)

    assert unknown < min(known)


def test_a_column_that_is_not_there_is_refused_with_those_there_are():
    with pytest.raises(
        DataError, match=r"'item\.ctr'; there are: item\.click\.24h, item\.click\.1h"
    ):
        scores({"feature": "item.ctr"})
