"""Points of a parity report: which figures there are, and which of them are good."""

from dataclasses import replace

import pytest

from sluice.metrics.parity_report import ReleaseParity
from sluice.monitors.parity import ParityLimits, points
from sluice.store.memory import MemoryStore
from sluice.store.records import MetricPoint, Outcome
from tests.lib.evidence import RELEASE, a_parity

LIMITS = ParityLimits(min_identical=0.999, min_requests=100, embargo_s=2.0)
PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def by_name(report, limits=LIMITS):
    return {each.name: each for each in points(report, limits)}


def test_every_figure_becomes_a_point_of_the_window_and_the_release():
    report = a_parity()
    found = by_name(report)

    assert {name: each.value for name, each in found.items()} == {
        "identical_share": 1.0, "late": 3.0, "skew[item.click.1h]": 0.0,
        "delayed[item.click.1h]": 0.004, "score_gap": 0.001, "ndcg@10": -0.001,
        "delay_p50[exposure]": 0.01, "delay_p95[exposure]": 0.1, "delay_p50[click]": 0.3,
        "delay_p95[click]": 1.5, "state_age_p50": 0.5, "state_age_p95": 4.0,
        "unknown_items": 0.01, "unknown_users": 0.2, "lost": 2.0,
    }  # fmt: skip
    assert {each.outcome for each in found.values()} == {PASS}
    assert {(each.release, each.start, each.end) for each in found.values()} == {
        (RELEASE, report.start, report.end)
    }


@pytest.mark.parametrize(
    ("changes", "name", "outcome"),
    [
        ({"identical": 998}, "identical_share", FAIL),
        ({"requests": 99, "identical": 0}, "identical_share", INCONCLUSIVE),
        ({"delay_s": 2.5}, "delay_p95[click]", FAIL),
        ({"unknown_users": None}, "unknown_users", INCONCLUSIVE),
    ],
)
def test_what_is_beyond_a_limit_fails_and_what_is_unknown_is_inconclusive(
    changes, name, outcome
):
    assert by_name(a_parity(**changes))[name].outcome is outcome


def test_a_feature_that_was_served_otherwise_fails():
    (champion,) = a_parity().releases
    report = a_parity(releases=(replace(champion, skew=champion.delayed),))
    (point,) = [each for each in points(report, LIMITS) if each.name.startswith("skew")]

    assert (point.value, point.outcome, point.n) == (0.4, FAIL, 10)


def test_of_two_releases_each_has_its_own_and_the_newest_those_of_the_surface():
    (champion,) = a_parity().releases
    report = a_parity(releases=(ReleaseParity("e7" * 32, 500, 0), champion))
    shares = [each for each in points(report, LIMITS) if each.name == "identical_share"]

    assert [(each.release, each.outcome) for each in shares] == [
        ("e7" * 32, FAIL),
        (RELEASE, PASS),
    ]
    assert by_name(report)["lost"].release == RELEASE


def test_where_nothing_was_served_there_is_no_point():
    assert points(a_parity(requests=0, identical=0), LIMITS) == ()


def test_a_store_takes_them_twice():
    store = MemoryStore()
    for _ in range(2):
        for point in points(a_parity(), LIMITS):
            store.put(point)

    assert len(store.find(MetricPoint)) == len(points(a_parity(), LIMITS))
