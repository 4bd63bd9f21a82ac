"""Ids get the numbers in which they are met, however many there are and however they come."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sluice.features.declaration.layout import UNKNOWN
from sluice.features.strings.codes import Codes

LONG = st.sampled_from(
    ["eight by", "nine byte", "nine bytf", "sixteen bytes xx", "sixteen bytes xy", "é" * 40]
)
NAME = LONG | st.integers(0, 40).map("item-{:09}".format) | st.sampled_from(["", "a", None])
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

    assert codes.ids.tolist() == list(expected)
    wanted = [expected.get(name, UNKNOWN) for name in asked]
    assert codes.encode(column(asked)).tolist() == wanted
    for _ in range(2):  # codes are at hand the second time
        assert codes.encode_all(asked).tolist() == wanted
    assert [codes.code(name) for name in expected] == list(expected.values())
    assert codes.decode(codes.encode(column(list(expected)))) == list(expected)


@given(st.lists(st.tuples(NAME, st.integers(1, 4)), max_size=20))
def test_runs_are_learned_as_their_rows_are(runs):
    names = [name for name, length in runs for _ in range(length)]
    one, other = Codes(), Codes()

    assert one.learn_runs(column(names)).tolist() == other.learn(column(names)).tolist()
    assert one.ids.tolist() == other.ids.tolist()


@given(st.lists(st.text(max_size=20), max_size=30), st.lists(st.text(max_size=20)))
def test_a_copy_goes_its_own_way(names, more):
    codes = Codes()
    codes.learn(column(names))
    twin = codes.copy()
    twin.learn(column(more))

    assert codes.ids.tolist() == list(dict.fromkeys(names))
    assert twin.ids.tolist() == list(dict.fromkeys([*names, *more]))
    assert codes.encode(column(names)).tolist() == twin.encode(column(names)).tolist()


def test_more_ids_than_a_block_are_all_found_again():
    names = [f"user-{number}" for number in range(200_000)]
    codes = Codes(names)

    assert codes.encode(column(names)).tolist() == list(range(len(names)))
    assert codes.learn(column(["new", *names[::1000]])).tolist() == [
        200_000,
        *range(0, 200_000, 1000),
    ]


@given(COLUMNS, st.data())
def test_codes_of_the_forgotten_go_to_new_ids(columns, data):
    codes, expected, most = Codes(), {}, 0
    for names in columns:
        met = [name for name in dict.fromkeys(names) if name is not None]
        free = [code for code in range(len(codes)) if code not in expected.values()]
        for name in met:
            if name not in expected:
                expected[name] = free.pop(0) if free else len(expected)
        found = codes.learn(column(names))
        assert found.tolist() == [expected.get(name, UNKNOWN) for name in names]
        most = max(most, len(expected))
        assert len(codes) == most

        gone = data.draw(st.sets(st.sampled_from(list(expected)))) if expected else set()
        idle = np.array([codes.ids[code] in gone for code in range(len(codes))], bool)
        codes.forget(idle)
        expected = {name: code for name, code in expected.items() if name not in gone}
        again = Codes(codes.ids.tolist())
        for each in (codes, codes.copy(), again):
            assert each.encode_all(list(expected)).tolist() == list(expected.values())
            assert each.encode_all(sorted(gone)).tolist() == [UNKNOWN] * len(gone)
            assert [name for name in each.ids if name is not None] == sorted(
                expected, key=expected.get
            )
