"""The distinct strings of a column, whatever its chunks, its strings' lengths and its nulls."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.features import dictionary as told_apart
from sluice.features.dictionary import NULL, dictionary

NAMES = st.sampled_from(
    ["", "a", "b", "twelve bytes", "thirteen byte", "thirteen bytf", "é" * 20, None]
)


def plainly(names: list[str | None]) -> tuple[list[str], list[int]]:
    distinct = [name for name in dict.fromkeys(names) if name is not None]
    return distinct, [NULL if name is None else distinct.index(name) for name in names]


@given(st.lists(st.lists(NAMES, max_size=9), max_size=4), st.integers(0, 5))
def test_it_is_what_a_plain_dictionary_says(chunks, cut):
    parts = [pl.Series("id", chunk, pl.String) for chunk in chunks]
    column = pl.concat([pl.Series("id", [], pl.String), *parts], rechunk=False)[cut:]
    found, places = dictionary(column)

    assert (found.to_pylist(), places.tolist()) == plainly(column.to_list())
    assert places.dtype == np.int32


@given(st.lists(NAMES, min_size=1, max_size=30), st.lists(st.integers(0, 29), max_size=60))
def test_rows_that_share_their_view_and_rows_that_do_not_are_one_string(names, rows):
    column = pl.Series("id", names, pl.String)
    gathered = column.gather([row % len(names) for row in rows])
    both = pl.concat([gathered, pl.Series("id", names, pl.String)])

    assert dictionary(both)[0].to_pylist() == plainly(both.to_list())[0]


def test_a_column_longer_than_a_block_and_with_more_names_than_slots():
    names = [f"item-{number:012}" for number in range(told_apart._SLOTS + 10)]
    found, places = dictionary(pl.Series("id", names + names[:5]))

    assert found.to_pylist() == names
    assert places.tolist() == [*range(len(names)), *range(5)]


@pytest.mark.parametrize("column", [[], [None, None]])
def test_a_column_without_a_string(column):
    found, places = dictionary(pl.Series("id", column, pl.String))

    assert (found.to_pylist(), places.tolist()) == ([], [NULL] * len(column))
