"""One ranking with its propensities, with and without the chance that its release declares."""

import numpy as np
import pytest

from sluice.errors import DataError
from sluice.features.state.feature_state import Request
from sluice.mechanisms.arrangement import Arrangement
from sluice.mechanisms.exploration import EpsilonSlots
from sluice.mechanisms.spec import Ads
from sluice.serving.scorer import Scorer
from tests.lib.releases import END, ITEM_IDS, small_scorer

CHANCE = EpsilonSlots(kind="epsilon", epsilon=1.0, slots=(1, 2, 3))
ASKED = Request("user1", ITEM_IDS, END)


@pytest.fixture(scope="module")
def plain():
    return small_scorer()


def arranged(plain, **declared):
    return Scorer(plain.ranker, plain.state, Arrangement(**declared))


def test_without_exploration_nothing_is_left_to_chance(plain):
    first, again = plain.rank(ASKED), plain.rank(ASKED, explore="r1")

    assert first.propensities.tolist() == [1.0] * len(ITEM_IDS)
    assert first.features.shape == (len(ITEM_IDS), len(plain.state.names))
    np.testing.assert_array_equal(first.order, again.order)


def test_what_is_declared_is_done_only_where_it_is_asked_for(plain):
    exploring = arranged(plain, exploration=CHANCE)
    judged = exploring.rank(ASKED)
    orders = {
        tuple(exploring.rank(ASKED, explore=f"r{n}").order.tolist()) for n in range(20)
    }

    np.testing.assert_array_equal(judged.order, plain.rank(ASKED).order)
    assert (judged.propensities == 1.0).all()
    assert len(orders) > 10


def test_an_answer_is_given_again_by_the_id_of_its_request(plain):
    exploring = arranged(plain, exploration=CHANCE)
    first, again = (exploring.rank(ASKED, explore="r1") for _ in range(2))

    np.testing.assert_array_equal(first.order, again.order)
    np.testing.assert_allclose(first.propensities[:3], [1 / 20, 1 / 19, 1 / 18])
    assert (first.propensities[3:] == 1.0).all()
    np.testing.assert_array_equal(first.scores, exploring.rank(ASKED).scores)


def test_ads_stay_where_they_were_put(plain):
    ads = (Ads(kind="ads", alpha=0.0, first=2, gap=4),)
    revenue = [1.0 if number < 3 else None for number in range(len(ITEM_IDS))]
    settled = arranged(plain, declared=ads).rank(ASKED, revenue).order
    exploring = arranged(plain, declared=ads, exploration=CHANCE)
    for number in range(20):
        shown = exploring.rank(ASKED, revenue, explore=f"r{number}")
        is_ad = shown.order < 3
        assert is_ad.any()
        np.testing.assert_array_equal(is_ad, settled < 3)
        np.testing.assert_array_equal(shown.order[is_ad], settled[is_ad])
        assert (shown.propensities[is_ad] == 1.0).all()


@pytest.mark.parametrize("declared", [{}, {"declared": (Ads(kind="ads"),)}])
def test_an_item_that_is_named_twice_is_refused(plain, declared):
    with pytest.raises(DataError, match="twice"):
        arranged(plain, **declared).rank(Request("user1", ("item01", "item01"), END))


def test_nobody_asked_is_nothing_shown(plain):
    empty = arranged(plain, exploration=CHANCE).rank(
        Request("user1", (), END), explore="r1"
    )

    assert empty.order.tolist() == []
    assert empty.propensities.tolist() == []
