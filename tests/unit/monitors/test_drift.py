"""Effect sizes by hand, their mathematical properties, and the verdict."""

from datetime import UTC, datetime
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.data.digest import json_digest
from sluice.data.tables import Window
from sluice.errors import DataError
from sluice.monitors.distances.jensen_shannon import jensen_shannon
from sluice.monitors.distances.kolmogorov_smirnov import kolmogorov_smirnov
from sluice.monitors.distances.psi import psi
from sluice.monitors.drift import drift, points, psi_noise
from sluice.monitors.histogram import profile_like, reference_profile
from sluice.store.records import Outcome
from sluice.surface import MonitorSpec
from tests.lib.monitors import feature_rows

NAMES = ("position", "count", "unknown")
BEFORE = feature_rows(2000, seed=1)
REFERENCE = reference_profile(
    NAMES, BEFORE, np.nan_to_num(BEFORE).sum(axis=1).astype(np.float64)
)
WINDOW = Window(datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC))

counts = st.lists(st.integers(0, 10_000), min_size=6, max_size=6).filter(any).map(np.array)


def watched(rows, scores=None):
    own = np.nan_to_num(rows).sum(axis=1).astype(np.float64)
    return profile_like(REFERENCE, rows, own if scores is None else scores)


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ([50, 50], [50, 50], 0.0),
        # One pseudo-count of a half a bin: shares 20/40, 20/40 against 10/40, 30/40.
        ([19.5, 19.5], [9.5, 29.5], 1 / 4 * log(2) + 1 / 4 * log(3 / 2)),
        ([9.5, 0, 0], [9.5, 0, 0], 0.0),
        ([0.5, 2.5], [2.5, 0.5], 2 * (1 / 2) * log(3)),
    ],
)
def test_psi_is_the_smoothed_symmetric_divergence(reference, current, expected):
    assert psi(np.array(reference), np.array(current)) == pytest.approx(expected)


def test_psi_of_an_emptied_bin_is_finite_and_grows_with_the_evidence():
    few = psi(np.array([10, 10]), np.array([20, 0]))
    many = psi(np.array([1000, 1000]), np.array([2000, 0]))

    assert 0 < few < many < np.inf


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ([1, 1, 2], [1, 1, 2], 0),
        ([4, 0], [0, 4], 1),
        ([1, 1, 2], [2, 1, 1], 1 / 4),
        ([0, 0], [3, 1], 0),
    ],
)
def test_ks_is_the_greatest_distance_of_the_distribution_functions(
    reference, current, expected
):
    unknown = [0]
    assert (
        kolmogorov_smirnov(np.array(reference + unknown), np.array(current + unknown))
        == expected
    )


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ([1, 1], [2, 2], 0),
        ([4, 0], [0, 9], 1),
        # KL of (1, 0) and of (1/2, 1/2) to their middle (3/4, 1/4), in bits.
        ([2, 0], [1, 1], sqrt((np.log2(4 / 3) + (np.log2(2 / 3) + np.log2(2)) / 2) / 2)),
    ],
)
def test_jensen_shannon_is_the_root_of_the_mean_divergence_to_the_middle(
    reference, current, expected
):
    assert jensen_shannon(np.array(reference), np.array(current)) == pytest.approx(expected)


@given(p=counts, q=counts)
def test_psi_is_symmetric_and_never_negative(p, q):
    assert psi(p, q) >= 0
    assert psi(p, q) == pytest.approx(psi(q, p))


@given(p=counts, q=counts)
def test_ks_and_jensen_shannon_lie_between_0_and_1_and_are_symmetric(p, q):
    for size in (kolmogorov_smirnov, jensen_shannon):
        assert 0 <= size(p, q) <= 1 + 1e-12
        assert size(p, q) == pytest.approx(size(q, p), abs=1e-9)


@given(p=counts)
def test_identical_histograms_have_no_drift(p):
    assert psi(p, p) == kolmogorov_smirnov(p, p) == jensen_shannon(p, p) == 0


def test_psi_of_two_samples_of_one_distribution_averages_to_its_noise():
    rng = np.random.default_rng(3)
    shares = np.full(20, 1 / 20)
    seen = [
        psi(rng.multinomial(1000, shares), rng.multinomial(500, shares)) for _ in range(300)
    ]

    assert np.mean(seen) == pytest.approx(psi_noise(20, 1000, 500), rel=0.1)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_change_the_report(seed):
    rows = feature_rows(600, seed=9)
    shuffled = np.random.default_rng(seed).permutation(rows)

    assert drift(REFERENCE, watched(rows), MonitorSpec()) == drift(
        REFERENCE, watched(shuffled), MonitorSpec()
    )


def test_a_like_window_passes():
    report = drift(REFERENCE, watched(feature_rows(2000, seed=2)), MonitorSpec())

    assert report.outcome is Outcome.PASS
    assert (report.drifted, report.share) == (0, 0)


@pytest.mark.parametrize(("limit", "outcome"), [(0.4, Outcome.PASS), (0.3, Outcome.FAIL)])
def test_more_drifted_features_than_the_share_allows_fail(limit, outcome):
    rows = feature_rows(2000, seed=2, shift=2)
    scores = np.nan_to_num(feature_rows(2000, seed=3)).sum(axis=1).astype(np.float64)

    report = drift(REFERENCE, watched(rows, scores), MonitorSpec(max_drifted_share=limit))

    assert [each.name for each in report.features if each.drifted] == ["position"]
    assert report.outcome is outcome


def test_a_drifted_score_fails_alone():
    rows = feature_rows(2000, seed=2)

    report = drift(REFERENCE, watched(rows, np.full(2000, 99.0)), MonitorSpec())

    assert report.drifted == 0
    assert report.score.drifted
    assert report.outcome is Outcome.FAIL


def test_a_feature_that_became_unknown_has_drifted():
    rows = feature_rows(2000, seed=2)
    rows[:, 1] = np.nan

    report = drift(REFERENCE, watched(rows), MonitorSpec())

    gone = report.features[1]
    assert gone.drifted
    assert (gone.unknown_reference, gone.unknown_current, gone.ks) == (0, 1, 0)


@pytest.mark.parametrize("rows", [0, 499])
def test_too_few_rows_are_unknown_never_no_drift(rows):
    report = drift(
        REFERENCE, watched(feature_rows(rows, seed=2)), MonitorSpec(min_rows=500)
    )

    assert report.outcome is Outcome.INCONCLUSIVE
    assert report.share is None
    assert {each.psi for each in (*report.features, report.score)} == {None}
    assert "unknown" in report.reason


def test_an_empty_reference_is_unknown_too():
    nothing = reference_profile(NAMES, BEFORE[:0], np.empty(0))

    report = drift(nothing, profile_like(nothing, BEFORE, np.zeros(2000)), MonitorSpec())

    assert report.outcome is Outcome.INCONCLUSIVE


def test_windows_counted_in_different_bins_are_not_compared():
    other = reference_profile(NAMES, feature_rows(900, seed=5), np.zeros(900))

    with pytest.raises(DataError, match="different bins"):
        drift(REFERENCE, other, MonitorSpec())


def test_the_reports_body_is_canonical_json():
    report = drift(REFERENCE, watched(feature_rows(2000, seed=2)), MonitorSpec())

    assert len(json_digest(report.body())) == 64


@pytest.mark.parametrize("rows", [2000, 10])
def test_points_name_every_index_and_carry_none_for_unknown(rows):
    report = drift(REFERENCE, watched(feature_rows(rows, seed=2)), MonitorSpec())

    found = points(report, "feed", "digest", WINDOW, WINDOW.end)

    assert [(point.monitor, point.name) for point in found] == [
        ("feature_drift", "psi[position]"),
        ("feature_drift", "psi[count]"),
        ("feature_drift", "psi[unknown]"),
        ("feature_drift", "drifted_share"),
        ("score_drift", "psi[score]"),
    ]
    assert {point.value is None for point in found} == {rows == 10}
    assert {point.outcome for point in found} == {
        Outcome.PASS if rows == 2000 else Outcome.INCONCLUSIVE
    }
    assert {point.n for point in found} == {rows}
