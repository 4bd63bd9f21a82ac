import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import DataError
from sluice.metrics import Minimum, Paired, SliceReport, SliceRule, compare_slices
from sluice.metrics.slice_labels import activity_labels, hour_labels, quantile_labels

RULE = SliceRule(margin=0.02, minimum=Minimum(0.95, 40, 20), resamples=500)


def paired(effects: dict[str, tuple[int, float]], seed: int = 0):
    """Two requests of each of so many users by device, and the effect there; the labels too."""
    rng = np.random.default_rng(seed)
    device = np.repeat(list(effects), [2 * users for users, _ in effects.values()])
    owner = np.arange(len(device)) // 2
    effect = np.array([effects[name][1] for name in device])
    reference = rng.random(len(device))
    candidate = reference + effect + rng.normal(0, 0.05, size=len(device))
    return Paired("auc", candidate, reference, owner, np.ones(len(device))), {
        "device": device
    }


def judged(effects, rule=RULE, **settings) -> SliceReport:
    pair, labels = paired(effects, **settings)
    return compare_slices(pair, labels, rule, rng=np.random.default_rng(1))


def outcomes(report: SliceReport) -> dict[str, str]:
    return {found.name: found.decision.outcome for found in report.slices}


def test_a_slice_that_loses_fails_the_report_though_the_rest_gains():
    report = judged({"phone": (200, +0.05), "tablet": (60, -0.05), "web": (200, +0.05)})

    assert outcomes(report) == {
        "device=phone": "pass",
        "device=tablet": "fail",
        "device=web": "pass",
    }
    assert report.outcome == "fail"
    assert report.worst
    assert report.worst.name == "device=tablet"


def test_all_slices_have_to_pass():
    assert judged({"phone": (200, 0.0), "web": (200, 0.01)}).outcome == "pass"


def test_a_slice_with_too_few_users_is_inconclusive_however_good():
    report = judged({"phone": (200, +0.05), "tv": (19, +0.5)})

    assert outcomes(report) == {"device=phone": "pass", "device=tv": "inconclusive"}
    assert report.outcome == "inconclusive"
    small = report.slices[1]
    assert "38 requests were judged, the rule asks 40" in small.decision.reason
    assert small.comparison
    assert small.comparison.minimum_detectable > 0


def test_a_small_slice_is_in_nobodys_way():
    # Holm counts the slices that are tested; a hundred thin ones would drown the loss otherwise.
    thin = {f"d{i}": (2, 0.0) for i in range(100)}
    report = judged({"tablet": (60, -0.05), **thin})

    assert report.worst
    assert report.worst.name == "device=tablet"
    assert report.worst.adjusted is not None
    assert report.worst.adjusted < 1e-6
    assert report.outcome == "fail"


@pytest.mark.parametrize(
    ("users", "says"),
    [(1, "by 1 users; 2 users are needed"), (0, "no request is in it")],
)
def test_a_slice_without_an_interval_is_named(users, says):
    pair, labels = paired({"phone": (200, 0.0), "tv": (users, 0.0)})
    rule = SliceRule(RULE.margin, RULE.minimum, {"device": ["phone", "tv"]}, 500)
    report = compare_slices(pair, labels, rule, rng=np.random.default_rng(0))

    tv = report.slices[1]
    assert (tv.name, tv.decision.outcome, tv.comparison) == (
        "device=tv",
        "inconclusive",
        None,
    )
    assert says in tv.decision.reason
    assert report.outcome == "inconclusive"


def test_an_expected_dimension_without_labels_is_named_too():
    pair, _ = paired({"phone": (100, 0.0)})
    rule = SliceRule(RULE.margin, RULE.minimum, {"country": ["dk"]}, 500)
    report = compare_slices(pair, {}, rule, rng=np.random.default_rng(0))

    assert outcomes(report) == {"country=dk": "inconclusive"}
    assert report.worst is None


def test_no_slice_at_all_is_no_pass():
    pair, _ = paired({"phone": (100, 0.0)})

    assert (
        compare_slices(pair, {}, RULE, rng=np.random.default_rng(0)).outcome
        == "inconclusive"
    )


def test_requests_that_cannot_be_judged_are_not_evidence():
    pair, labels = paired({"phone": (200, 0.0)})
    pair.candidate[: 400 - 38] = math.nan
    report = compare_slices(pair, labels, RULE, rng=np.random.default_rng(0))

    assert "38 requests were judged" in report.slices[0].decision.reason


def test_labels_of_other_requests_are_refused():
    pair, labels = paired({"phone": (100, 0.0)})

    with pytest.raises(DataError, match="199 labels of device for 200"):
        compare_slices(
            pair, {"device": labels["device"][1:]}, RULE, rng=np.random.default_rng(0)
        )


def test_the_worst_slice_is_not_the_smallest_with_the_lowest_mean():
    report = judged({"large": (900, -0.03), "small": (22, -0.035)}, seed=3)
    lows = {
        found.name: found.comparison.difference
        for found in report.slices
        if found.comparison
    }

    assert lows["device=small"] < lows["device=large"]
    assert report.worst
    assert report.worst.name == "device=large"


@given(st.randoms(use_true_random=False))
def test_the_order_of_requests_changes_only_the_draws(random):
    pair, labels = paired({"phone": (60, 0.02), "tablet": (40, -0.06)})
    order = np.array(random.sample(range(pair.requests), pair.requests))
    moved = Paired(
        pair.metric, pair.candidate[order], pair.reference[order], pair.users[order],
        pair.weights,
    )  # fmt: skip
    before = compare_slices(pair, labels, RULE, rng=np.random.default_rng(0))
    after = compare_slices(
        moved, {"device": labels["device"][order]}, RULE, rng=np.random.default_rng(0)
    )

    assert outcomes(before) == outcomes(after)
    assert [found.adjusted for found in after.slices] == pytest.approx(
        [found.adjusted for found in before.slices]
    )


def test_hours_are_quarters_of_the_utc_day():
    day = 86_400_000_000
    hours = np.array([0, 5, 6, 11, 12, 17, 18, 23]) * 3_600_000_000 + 19_000 * day

    assert hour_labels(hours).tolist() == [
        "00-05", "00-05", "06-11", "06-11", "12-17", "12-17", "18-23", "18-23",
    ]  # fmt: skip


def test_activity_is_how_many_of_the_requests_a_user_made():
    users = np.repeat([7, 3, 9, 1, 5], [1, 2, 4, 5, 12])

    labels = activity_labels(users)

    assert dict(zip(users.tolist(), labels.tolist(), strict=True)) == {
        7: "1", 3: "2-4", 9: "2-4", 1: "5-9", 5: "10+",
    }  # fmt: skip


def test_quantiles_split_evenly_and_name_the_unknown():
    values = np.array([5.0, 1.0, 3.0, math.nan, 7.0, 2.0, 8.0, 4.0, 6.0])

    assert quantile_labels(values, 2).tolist() == [
        "2/2", "1/2", "1/2", "unknown", "2/2", "1/2", "2/2", "1/2", "2/2",
    ]  # fmt: skip


def test_equal_values_share_a_part():
    assert set(quantile_labels(np.array([1.0] * 9 + [2.0]), 4).tolist()) == {"1/4", "4/4"}
    assert quantile_labels(np.array([math.nan]), 4).tolist() == ["unknown"]
    assert quantile_labels(np.zeros(0), 4).tolist() == []
