"""What each party gets of an order, by hand; and how sure the totals are."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sluice.errors import DataError
from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.floors import fit_floors, floors
from sluice.mechanisms.provider_exposure import spread
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.stakeholders import MEASURES, Judged
from tests.lib.frames import frame_of
from tests.lib.slates import marketplace

V1, V2, V3 = position_weights(3)
FRAME = frame_of([[0, 1], [1, 0, 0]])
SLATES = Slates(
    offsets=FRAME.offsets,
    item_ids=np.array(["a", "b", "c", "d", "e"]),
    scores=np.array([2.0, 1.0, 1.0, 2.0, 3.0]),
    providers=["x", "y", "x", "x", None],
    categories=["k", "l", "k", "k", None],
    ages=np.array([3600.0, 7200.0, np.nan, 3600.0, 10800.0]),
    is_ad=np.array([False, False, False, False, True]),
    revenue=np.array([0.0, 0.0, 0.0, 0.0, 4.0]),
    interests=[{"k": 8.0, "z": 2.0}, {"k": 1.0}],
)
ORDER = np.array([0, 1, 4, 3, 2])
"""By score: a b, and e d c."""


@pytest.fixture
def judged():
    return Judged(SLATES, FRAME)


def test_each_party_gets_what_its_formula_says(judged):
    found = judged.measures(ORDER)
    total = V1 + V2 + V3
    entropy = -(V1 * math.log(V1 / (V1 + V2)) + V2 * math.log(V2 / (V1 + V2))) / (V1 + V2)
    smoothed = 0.99 * V1 / (V1 + V2) + 0.01 * 0.8
    expected = {
        "ndcg@10": [V2, V3],
        "clicks": [V2, V3],
        # Only y is of the smaller half of the providers.
        "small_providers": [V2 / (V1 + V2), 0],
        "ad_exposure": [0, V1 / total],
        "ad_revenue": [0, 4 * V1],
        "category_entropy": [entropy, 0],
        "categories@10": [2, 1],
        "age_hours": [(V1 + 2 * V2) / (V1 + V2), (3 * V1 + V2) / (V1 + V2)],
        # The second person has chosen too little to tell.
        "miscalibration": [0.8 * math.log(0.8 / smoothed) + 0.2 * math.log(100), np.nan],
    }

    assert SLATES.by_score().tolist() == ORDER.tolist()
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, atol=1e-12)


def test_an_ad_below_every_organic_item_is_seen_by_nobody(judged):
    found = judged.measures(np.array([0, 1, 3, 2, 4]))

    assert found["ad_exposure"][1] == 0
    assert found["ad_revenue"][1] == 0


def test_what_the_log_does_not_know_is_not_measured():
    bare = Slates(SLATES.offsets, SLATES.item_ids, SLATES.scores)

    assert Judged(bare, FRAME).measures(ORDER).keys() == {"ndcg@10", "clicks"}


def test_every_measure_has_a_party_and_every_party_one_headline():
    headlines = [each.party for each in MEASURES if each.headline]

    assert sorted(headlines) == ["advertisers", "policy", "providers", "users"]


def test_outcomes_of_other_requests_are_refused():
    with pytest.raises(DataError, match="must be the same requests"):
        Judged(SLATES, frame_of([[0, 1], [1, 0]]))


def test_providers_are_added_up_over_all_requests(judged):
    found = spread(judged, [ORDER, ORDER[::-1]], 0.9, resamples=2,
                   rng=np.random.default_rng(0))  # fmt: skip
    x, y = V1 + V2 + V3, V2
    chance = {"x": (V1 + V2) / 2 + 2 * (V1 + V2 + V3) / 3, "y": (V1 + V2) / 2}

    assert found.figures[0, 0] == pytest.approx((x - y) / (2 * (x + y)))
    assert found.figures[0, 1] == (x < 0.9 * chance["x"]) + (y < 0.9 * chance["y"]) == 1


def test_the_interval_of_floors_finds_fewer_providers_under_them():
    slates = marketplace(
        np.random.default_rng(5), requests=600, candidates=10, providers=12
    )
    frame = replace(
        frame_of([[0] * 10] * 600), users=np.random.default_rng(6).integers(80, size=600)
    )
    prices = fit_floors(slates, 0.95).prices
    moved = np.concatenate(
        [
            floors(slate, prices) + low
            for slate, low in zip(slates, slates.offsets, strict=False)
        ]
    )
    found = spread(Judged(slates, frame), [slates.by_score(), moved], 0.94, resamples=300,
                   rng=np.random.default_rng(7))  # fmt: skip
    low, high = found.interval(1, 0, 1, 0.95)

    assert found.figures[0, 1] >= 3
    assert found.figures[1, 1] <= 1
    assert low <= high < 0
    assert found.interval(0, 0, 0, 0.95) == (0, 0)


def test_the_same_draws_give_the_same_interval(judged):
    once, again = (
        spread(
            judged, [ORDER, ORDER[::-1]], 0.9, resamples=70, rng=np.random.default_rng(1)
        )
        for _ in range(2)
    )

    np.testing.assert_array_equal(once.resampled, again.resampled)
    assert once.resampled.shape == (70, 2, 2)


def test_other_codes_for_the_same_people_draw_the_same_resamples(judged):
    users = np.array([7, 3])
    frames = [
        replace(judged.frame, users=codes) for codes in (users, -users, users * 10**17)
    ]
    found = [
        spread(replace(judged, frame=frame), [ORDER, ORDER[::-1]], 0.9, resamples=70,
               rng=np.random.default_rng(1)).resampled
        for frame in frames
    ]  # fmt: skip

    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
