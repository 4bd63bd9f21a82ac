"""Ids get the numbers in which they are met, however many there are and however they come."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sluice.features.codes import Codes
from sluice.features.rows import UNKNOWN

NAME = st.integers(0, 40).map("item-{:09}".format) | st.sampled_from(["", "a", None])
COLUMNS = st.lists(
    st.lists(NAME, max_size=4) | st.lists(NAME, min_size=20, max_size=60), max_size=8
)


def column(names):
    return pl.Series("id", names, pl.String)


@given(COLUMNS, st.lists(NAME, max_size=50), st.integers(0, 40))
def test_learning_in_any_parts_numbers_ids_as_they_are_met(columns, asked, start):
    before = [f"item-{number:09}" for number in range(start)]
    codes, expected = Codes(before), {name: number for number, name in enumerate(before)}
    for names in columns:
        for name in names:
            if name is not None:
                expected.setdefault(name, len(expected))
        found = codes.learn(column(names))
        assert found.tolist() == [expected.get(name, UNKNOWN) for name in names]

    assert codes.ids == list(expected)
    wanted = [expected.get(name, UNKNOWN) for name in asked]
    assert codes.encode(column(asked)).tolist() == wanted
    assert codes.encode_all(asked).tolist() == wanted
    assert [codes.code(name) for name in expected] == list(expected.values())
    assert codes.decode(codes.encode(column(list(expected)))) == list(expected)


@given(st.lists(st.tuples(NAME, st.integers(1, 4)), max_size=20))
def test_runs_are_learned_as_their_rows_are(runs):
    names = [name for name, length in runs for _ in range(length)]
    one, other = Codes(), Codes()

    assert one.learn_runs(column(names)).tolist() == other.learn(column(names)).tolist()
    assert one.ids == other.ids
