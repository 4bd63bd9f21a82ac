"""Every measure on logs so small that its figure is worked out by hand."""

from datetime import timedelta
from math import log, log2

import pytest

from sluice.ecosystem.measures.equity import inequity
from sluice.ecosystem.registry import measures
from sluice.ecosystem.settings import Stated
from tests.lib.logs import START, event, exposure
from tests.lib.tiny_ecosystem import SHOWN, exposures, facts, value

SECOND, THIRD = 1 / log2(3), 1 / 2
"""What slots are worth; the first is worth 1."""
ALL = 2.5 + 2 * SECOND


def divergence(wanted, shown):
    mixed = [0.99 * q + 0.01 * p for p, q in zip(wanted, shown, strict=True)]
    return sum(p * log(p / m) for p, m in zip(wanted, mixed, strict=True) if p)


SHARES = [2 / ALL, SECOND / ALL, (SECOND + THIRD) / ALL]
P, Q = (2 + SECOND) / ALL, (SECOND + THIRD) / ALL
BITS = (
    log2(4) + log2(5) * SECOND + log2(3) + log2(7) * SECOND + log2(4) * THIRD
)  # of 1/4, 1/5, 2/6, 1/7, 2/8

BY_HAND = {
    "item_gini": (-SECOND + (SECOND + THIRD) + 3 * 2) / (4 * ALL),
    "effective_items": 2.718281828459045 ** -sum(s * log(s) for s in SHARES),
    "top_items_share": 2 / ALL,
    "coverage": (0.7 + 0.4 + 0.7) / 4,
    "discoverable_items": 0.4 + 0.4,
    "provider_gini": 2 * P / 3,
    "provider_hhi": P**2 + Q**2,
    "top_providers_share": 1.0,
    "inequity_of_attention": abs(P - 2 / 3) + abs(Q - 1 / 3),
    "new_items_share": (1 + SECOND) / ALL,
    "age_median_hours": 3.0,
    "age_p90_hours": 31.0,
    "novelty": BITS / ALL,
    "list_diversity": (2 + (1 + 2 + 1) / 3) / 2,
    "list_categories": (1 + 2 / 3) / 2,
    "miscalibration": (
        divergence([0.6, 0.4], [1 / (1 + SECOND), SECOND / (1 + SECOND)])
        + divergence([0.0, 1.0], [1 - THIRD / (1.5 + SECOND), THIRD / (1.5 + SECOND)])
    )
    / 2,
    "dwell_seconds": 45 / (2 * 3),
    "hides_per_1000": 1000 / 5,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_figure_is_what_a_hand_works_out(name):
    assert value(name) == pytest.approx(BY_HAND[name], abs=1e-12, rel=1e-12)


def test_every_measure_is_worked_out_here():
    others = {
        "provider_churn", "hours_to_first_impressions", "return_next_day", "breadth",
    }  # fmt: skip

    assert BY_HAND.keys() | others == measures().keys()


def test_without_slots_every_exposure_weighs_one():
    plain = [row | {"position": None} for row in SHOWN]

    assert value("top_items_share", shown=plain) == pytest.approx(2 / 5, abs=1e-12)


def test_days_that_the_window_holds_whole_can_be_returned_to():
    visits = [("u0", 0), ("u0", 24), ("u1", 0), ("u1", 48), ("u0", 25)]
    shown = [
        exposure(hours + 100 * number, "a", 1, user_id=who, ts=START + timedelta(hours=hours))
        for number, (who, hours) in enumerate(visits)
    ]  # fmt: skip

    # u0 is here on days 1 and 2, u1 on 1 and 3: of three days with a next one, one is followed.
    assert value("return_next_day", shown=shown, done=[]) == pytest.approx(1 / 3, abs=1e-12)


def test_breadth_is_the_chance_of_two_categories():
    many = [exposure(number, name, 1, user_id=f"u{number % 2}")
            for number, name in enumerate("aaaacacacaca")]  # fmt: skip
    clicks = [
        event(number, row["item_id"], user_id=row["user_id"])
        for number, row in enumerate(many)
    ]

    # u0 clicked six in category x; u1 two in x and four in y.
    expected = (0 + 1 - (2 * 1 + 4 * 3) / 30) / 2
    assert value("breadth", shown=many, done=clicks) == pytest.approx(expected, abs=1e-12)


def test_items_that_still_wait_count_in_the_wait():
    born = {"a": 1, "b": 1, "c": 1, "d": 1}
    items = [facts(name, name, "x", -hours) for name, hours in born.items()]
    at = {"a": (2, 3), "b": (3, 5), "c": (2, 8), "d": (9,)}
    shown = [
        exposure(10 * hours + place, name, 1, user_id=f"u{place}", ts=START + timedelta(hours=hours))
        for place, (name, moments) in enumerate(at.items())
        for hours in moments
    ]  # fmt: skip
    stated = Stated(min_people=2, first_impressions=2, resamples=0)

    # Second impressions after 2, 4 and 7 hours; d has one only. Half have waited 4 hours or less.
    found = value(
        "hours_to_first_impressions", shown=shown, done=[], items=items, stated=stated
    )
    assert found == pytest.approx(4.0, abs=1e-12)


def test_churn_is_of_those_who_published_before():
    providers = [f"p{number}" for number in range(10)]
    early = [facts(f"e{p}", p, "x", 5) for p in providers]
    late = [facts(f"l{p}", p, "x", -60) for p in [*providers[:7], "new"]]
    found = measures()["provider_churn"].figure(exposures(items=early + late))

    assert found.value == pytest.approx(0.3, abs=1e-12)
    # Wilson 1927 for 3 of 10.
    assert found.interval.low == pytest.approx(0.1077912674, abs=1e-9)
    assert found.interval.high == pytest.approx(0.6032218525, abs=1e-9)


def test_equity_of_fair_attention_is_zero():
    from numpy import array

    assert inequity(array([3.0, 1.0]), array([0.6, 0.2])) == pytest.approx(0, abs=1e-12)
