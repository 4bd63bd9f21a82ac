"""The distinct strings of a column, whatever its chunks, its strings' lengths and its nulls."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.features.strings import dictionary as told_apart
from sluice.features.strings.dictionary import NULL, dictionary

NAMES = st.sampled_from(
    ["", "a", "b", "twelve bytes", "thirteen byte", "thirteen bytf", "é" * 20, None]
)


def check(column: pl.Series) -> int:
    """The dictionary says what the column holds; how many strings it needs for it."""
    found, places = dictionary(column)
    strings, names = found.to_pylist(), column.to_list()

    assert [None if place == NULL else strings[place] for place in places] == names
    met = dict.fromkeys(name for name in names if name is not None)
    assert list(dict.fromkeys(strings)) == list(met)
    assert places.dtype == np.int32
    return len(strings)


@given(st.lists(st.lists(NAMES, max_size=9), max_size=4), st.integers(0, 5))
def test_it_says_what_a_column_in_chunks_holds(chunks, cut):
    parts = [pl.Series("id", chunk, pl.String) for chunk in chunks]
    empty = pl.Series("id", [], pl.String)
    check(pl.concat([empty, *parts], rechunk=False)[cut:])


@given(st.lists(NAMES, min_size=1, max_size=30), st.lists(st.integers(0, 29), max_size=60))
def test_it_says_what_rows_hold_that_share_their_view_and_rows_that_do_not(names, rows):
    column = pl.Series("id", names, pl.String)
    gathered = column.gather([row % len(names) for row in rows])
    check(pl.concat([gathered, pl.Series("id", names, pl.String)]))


@pytest.mark.parametrize("length", [12, 13], ids=["in the view", "beside it"])
def test_rows_of_one_view_are_one_string(length):
    names = [str(number).zfill(length) for number in range(50)]
    column = pl.Series("id", names, pl.String)

    assert check(column.gather([*range(50), *range(50)])) == 50


def test_a_column_longer_than_a_block_and_with_more_names_than_slots():
    names = [f"item-{number:012}" for number in range(told_apart._SLOTS + 10)]
    column = pl.Series("id", names).gather([*range(len(names)), *range(5)])

    assert len(names) <= check(column) <= len(names) + 5


@pytest.mark.parametrize("column", [[], [None, None]])
def test_a_column_without_a_string(column):
    assert check(pl.Series("id", column, pl.String)) == 0
