"""Ads enter where they are worth it, never closer than the rules allow."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.mechanisms.ads import insert_ads
from tests.lib.slates import slate_of, slates


def feed(organic, ads):
    """Organic items by score, then ads by (revenue, score)."""
    scores = [*organic, *(score for _, score in ads)]
    marks = np.arange(len(scores)) >= len(organic)
    revenue = [0.0] * len(organic) + [float(each) for each, _ in ads]
    return slate_of(scores, is_ad=marks, revenue=np.array(revenue))


@given(slate=slates(), alpha=st.sampled_from([0.0, 0.5, 2.0]), first=st.integers(1, 4),
       gap=st.integers(1, 3))  # fmt: skip
def test_gap_top_slot_and_the_order_of_each_list_hold(slate, alpha, first, gap):
    order = insert_ads(slate, alpha=alpha, first=first, gap=gap)
    marks = slate.is_ad[order].tolist()
    worth = slate.revenue + alpha * slate.scores
    last = max((slot for slot, ad in enumerate(marks) if not ad), default=-1)
    shown = [slot for slot, ad in enumerate(marks) if ad and slot < last]

    assert all(slot + 1 >= first for slot in shown)
    assert all(later - slot > gap for slot, later in pairwise(shown))
    assert [row for row in order if not slate.is_ad[row]] == [
        row for row in slate.order if not slate.is_ad[row]
    ]
    assert np.all(np.diff(worth[order[slate.is_ad[order]]]) <= 0)
    for slot in shown:
        displaced = order[slot + 1]
        assert worth[order[slot]] >= alpha * slate.scores[displaced]


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        # 3 organic items of 9, 5, 1; one ad of revenue 2 and score 2.
        (0.0, [3, 0, 1, 2]),
        (0.5, [0, 3, 1, 2]),
        (10.0, [0, 1, 3, 2]),
    ],
)
def test_the_dearer_a_persons_time_the_lower_the_ad(alpha, expected):
    slate = feed([9, 5, 1], [(2, 2)])

    assert insert_ads(slate, alpha=alpha, first=1, gap=1).tolist() == expected


def test_an_ad_that_is_worth_no_place_comes_below_everything():
    slate = feed([9, 5, 4], [(0.1, 0)])

    assert insert_ads(slate, alpha=1.0, first=1, gap=1).tolist() == [0, 1, 2, 3]


def test_ads_alone_are_not_shown_but_stay_in_order():
    slate = feed([], [(1, 1), (3, 1), (2, 1)])

    assert insert_ads(slate, alpha=1.0).tolist() == [1, 2, 0]
