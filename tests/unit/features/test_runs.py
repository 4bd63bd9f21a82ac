"""Neighbours of one name are one run, whatever the column's chunks, its strings' lengths and its nulls."""

from itertools import groupby

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.features.strings.runs import runs

NAMES = st.sampled_from(["", "a", "twelve bytes", "thirteen byte", "thirteen bytf", None])
CHUNKS = st.lists(
    st.lists(st.tuples(NAMES, st.integers(1, 3)), max_size=6).map(
        lambda named: [name for name, length in named for _ in range(length)]
    ),
    max_size=4,
)


def plainly(names: list[str | None]) -> tuple[list[str | None], list[int]]:
    found = [(name, len(list(rows))) for name, rows in groupby(names)]
    begins = [sum(length for _, length in found[:nth]) for nth in range(len(found) + 1)]
    return [name for name, _ in found], begins


@given(CHUNKS, st.integers(0, 5))
def test_runs_are_those_of_the_strings(chunks, cut):
    parts = [pl.Series("id", chunk, pl.String) for chunk in chunks]
    column = pl.concat([pl.Series("id", [], pl.String), *parts], rechunk=False)[cut:]
    ids, offsets = runs(column)

    assert (ids.to_list(), offsets.tolist()) == plainly(column.to_list())


@given(st.lists(NAMES, min_size=1, max_size=9), st.lists(st.integers(0, 8), max_size=40))
def test_neighbours_that_share_no_view_are_one_run_too(names, rows):
    again = pl.Series("id", [*names], pl.String)
    gathered = pl.Series("id", names, pl.String).gather([row % len(names) for row in rows])
    both = pl.concat([again, gathered])

    assert runs(both)[0].to_list() == plainly(both.to_list())[0]


@pytest.mark.parametrize(("column", "offsets"), [([], [0]), ([None, None], [0, 2])])
def test_a_column_without_a_string(column, offsets):
    ids, found = runs(pl.Series("id", column, pl.String))

    assert (ids.to_list(), found.tolist()) == ([None] * (len(offsets) - 1), offsets)
