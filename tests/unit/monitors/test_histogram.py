"""Profiles: where the edges lie, and that counts add up however the rows are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import DataError, IntegrityError, NotFound
from sluice.monitors.histogram import (
    EDGES,
    Profile,
    profile_like,
    quantile_edges,
    reference_profile,
)
from tests.lib.monitors import feature_rows

NAMES = ("position", "count", "unknown")


def scored(rows):
    return np.nan_to_num(rows).sum(axis=1).astype(np.float64)


def profile_of(rows, reference=None):
    if reference is None:
        return reference_profile(NAMES, rows, scored(rows))
    return profile_like(reference, rows, scored(rows))


REFERENCE = profile_of(feature_rows(1000, seed=1))


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([0.0] * 9, [0, 9]),
        ([1.0] * 5 + [2.0] * 5, [0, 5, 5]),
        ([0.0] * 60 + list(range(1, 41)), [0, 60, 5, 5, 5, 5, 5, 5, 5, 5]),
        ([], []),
    ],
)
def test_a_value_with_much_mass_has_a_bin_of_its_own(values, counts):
    column = np.array(values)

    profile = reference_profile((), np.empty((len(values), 0), np.float32), column)

    assert list(profile.counts[0][: len(counts)]) == counts
    assert profile.counts[0].sum() == len(values)


def test_distinct_values_fall_into_bins_of_about_equal_counts():
    profile = profile_of(feature_rows(1000, seed=1))

    assert set(profile.counts[0][1:EDGES]) <= {49, 50, 51}


@pytest.mark.parametrize(
    ("value", "place"),
    [(-1e9, 0), (-np.inf, 0), (1e9, EDGES), (np.inf, EDGES), (np.nan, -1)],
)
def test_values_outside_the_reference_and_unknown_ones_have_bins_of_their_own(value, place):
    rows = np.full((10, 3), value, np.float32)

    counts = profile_like(REFERENCE, rows, np.zeros(10)).counts[0]

    assert counts[place] == 10


def test_edges_of_an_unknown_column_are_all_infinite():
    assert np.isinf(quantile_edges(np.full(5, np.nan))).all()


@given(cut=st.integers(0, 400), seed=st.integers(0, 2**32 - 1))
def test_merging_two_parts_gives_the_profile_of_the_whole(cut, seed):
    rows = feature_rows(400, seed)

    merged = profile_of(rows[:cut], REFERENCE).merge(profile_of(rows[cut:], REFERENCE))

    np.testing.assert_array_equal(merged.counts, profile_of(rows, REFERENCE).counts)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_neither_edges_nor_counts(seed):
    rows = feature_rows(300, seed)
    shuffled = np.random.default_rng(seed).permutation(rows)

    one, other = profile_of(rows), profile_of(shuffled)

    np.testing.assert_array_equal(one.edges, other.edges)
    np.testing.assert_array_equal(one.counts, other.counts)


def test_profiles_in_different_bins_are_not_merged():
    other = profile_of(feature_rows(1000, seed=2))

    with pytest.raises(DataError, match="different bins"):
        REFERENCE.merge(other)


def test_features_that_do_not_fit_their_names_are_refused():
    with pytest.raises(DataError, match=r"expected \(5, 3\)"):
        profile_like(REFERENCE, np.zeros((5, 2), np.float32), np.zeros(5))


def test_a_saved_profile_loads_equal_and_saves_to_the_same_bytes(tmp_path):
    REFERENCE.save(tmp_path / "a.npz")

    loaded = Profile.load(tmp_path / "a.npz")
    loaded.save(tmp_path / "b.npz")

    assert loaded.names == NAMES
    np.testing.assert_array_equal(loaded.edges, REFERENCE.edges)
    np.testing.assert_array_equal(loaded.counts, REFERENCE.counts)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-40], lambda b: b"", lambda b: b"not a profile"]
)
def test_a_damaged_profile_is_refused(tmp_path, spoil):
    path = tmp_path / "p.npz"
    REFERENCE.save(path)
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(IntegrityError, match=r"p\.npz"):
        Profile.load(path)


def test_a_profile_with_objects_in_it_is_never_unpickled(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(
        path,
        names=np.array([print], dtype=object),
        edges=REFERENCE.edges,
        counts=REFERENCE.counts,
    )

    with pytest.raises(IntegrityError):
        Profile.load(path)


def test_a_missing_profile_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        Profile.load(tmp_path / "none.npz")
