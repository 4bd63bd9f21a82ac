"""Differences of features, cell by cell, and adding them up in blocks."""

import numpy as np
import pytest

from sluice.errors import DataError
from sluice.metrics.feature_gaps import FeatureGap, FeatureTally

NAN = np.float32("nan")


def matrix(*rows):
    return np.array(rows, np.float32)


def gaps(was, should, *sizes, names=("a", "b")):
    tally = FeatureTally(names)
    tally.add(was, should, np.cumsum([0, *sizes]))
    return tally.gaps()


def test_alike_is_alike_also_where_nothing_is_known():
    same = matrix([1.0, NAN], [2.0, NAN])

    assert [each.cells for each in gaps(same, same.copy(), 1, 1)] == [0, 0]


def test_one_nan_is_like_another():
    other = np.array([0x7FC00001], np.uint32).view(np.float32)

    (gap,) = gaps(matrix([NAN]), other.reshape(1, 1), 1, names=("a",))

    assert gap == FeatureGap("a", 0, 0, 0, 0.0, 0.0, 0)


def test_missing_extra_and_other_values_are_told_apart_by_feature():
    was = matrix([NAN, 1.0], [5.0, 2.0], [1.0, 1.0])
    should = matrix([3.0, 1.0], [NAN, 4.5], [2.0, 1.0])

    assert gaps(was, should, 1, 1, 1) == (
        FeatureGap("a", missing=1, extra=1, mismatch=1, mean=1.0, largest=1.0, requests=3),
        FeatureGap("b", missing=0, extra=0, mismatch=1, mean=2.5, largest=2.5, requests=1),
    )


def test_a_request_is_touched_once_however_many_of_its_candidates_are():
    was, should = np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32)
    was[:2, 0] = 1.0

    first, second = gaps(was, should, 3, 2)

    assert (first.mismatch, first.requests) == (2, 1)
    assert second.requests == 0


def test_a_sign_of_zero_is_another_bit_and_no_distance():
    (gap,) = gaps(matrix([-0.0]), matrix([0.0]), 1, names=("a",))

    assert (gap.mismatch, gap.mean, gap.largest) == (1, 0.0, 0.0)


def test_what_is_infinite_is_far_away_and_fits_into_json():
    (gap,) = gaps(matrix([np.inf], [np.inf]), matrix([1.0], [-np.inf]), 2, names=("a",))

    assert gap.mismatch == 2
    assert np.isfinite([gap.mean, gap.largest]).all()
    assert gap.largest == np.finfo(np.float32).max


@pytest.mark.parametrize("block", [1, 2, 7, 40])
def test_blocks_add_up_to_the_whole(block):
    rng = np.random.default_rng(3)
    sizes = rng.integers(0, 4, 40)
    offsets = np.cumsum([0, *sizes])
    should = rng.normal(size=(offsets[-1], 2)).astype(np.float32)
    was = np.where(
        rng.random(should.shape) < 0.3, NAN, should + (rng.random(should.shape) < 0.2)
    )
    was = was.astype(np.float32)
    tally = FeatureTally(("a", "b"))
    for first in range(0, 40, block):
        part = offsets[first : first + block + 1]
        low, high = part[0], part[-1]
        tally.add(was[low:high], should[low:high], part - low)

    assert tally.requests == 40
    for one, other in zip(tally.gaps(), gaps(was, should, *sizes), strict=True):
        assert (one.missing, one.extra, one.mismatch, one.requests, one.largest) == (
            other.missing, other.extra, other.mismatch, other.requests, other.largest,
        )  # fmt: skip
        assert one.mean == pytest.approx(other.mean)
        assert one.missing > 0 < one.mismatch


@pytest.mark.parametrize("was", [(3, 2), (2, 3), (2, 1)])
def test_matrices_of_other_shapes_are_refused(was):
    with pytest.raises(DataError, match="Cannot compare features"):
        gaps(np.zeros(was, np.float32), np.zeros((2, 2), np.float32), 1, 1)
