"""Tables of pairs: what is idle leaves, what stays is found, and room is made seldom."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.features.declaration.layout import (
    BASE,
    LAST,
    NEVER,
    ROOM,
    STRIDE,
    USED,
    Rows,
    Tally,
    lay_out,
)
from sluice.features.declaration.spec import ALL, EXPOSURE
from sluice.features.engine.hash_table import (
    FREE,
    Memory,
    empty_memory,
    find,
    pair_key,
    sweep,
    taken,
    with_room,
)

ROWS: Rows = lay_out(
    [Tally("item", EXPOSURE, ALL), Tally("user_item", EXPOSURE, ALL)],
    keep_last=True,
    keep_noted=False,
)
ITEM, PAIR = 0, 1
EDGE = 1000


def _room_for(items: int, pairs: int) -> Memory:
    return with_room(empty_memory(ROWS), ROWS, np.array([items, pairs]))


def _place(memory: Memory, key: int) -> int:
    table = memory.tables[PAIR]
    return find(memory.words, table[BASE], table[STRIDE], table[ROOM], key)


def _put(memory: Memory, key: int, last: int) -> None:
    at = _place(memory, key)
    memory.tables[PAIR, USED] += memory.words[at] == FREE
    memory.words[at], memory.words[at + memory.tables[PAIR, LAST]] = key, last


def _put_pairs(memory: Memory, first: int, end: int, last: int) -> None:
    for user in range(first, end):
        _put(memory, pair_key(user, user % 7), last)


@settings(max_examples=300, deadline=None)
@given(
    pairs=st.dictionaries(
        st.tuples(st.integers(0, 30), st.integers(0, 30)), st.booleans(), max_size=13
    )
)
def test_a_sweep_takes_out_what_is_idle_and_everything_else_is_still_found(pairs):
    memory = _room_for(1, 2)  # 14 rows: runs are long here, and go round the end
    for pair, idle in pairs.items():
        _put(memory, pair_key(*pair), EDGE - 1 if idle else EDGE)
    sweep(memory, PAIR, EDGE)
    stay = {pair_key(*pair) for pair, idle in pairs.items() if not idle}

    assert set(taken(memory, PAIR)[:, 0].tolist()) == stay
    assert memory.tables[PAIR, USED] == len(stay)
    assert all(memory.words[_place(memory, key)] == key for key in stay)


def test_a_sweep_of_a_large_crowded_table_leaves_what_is_young_where_it_is_found():
    memory = _room_for(1, 1000)
    young = np.random.default_rng(5).random(2800) < 0.5
    keys = [pair_key(user, user % 7) for user in range(len(young))]
    for key, stays in zip(keys, young, strict=True):
        _put(memory, key, EDGE if stays else EDGE - 1)
    sweep(memory, PAIR, EDGE)

    assert memory.tables[PAIR, ROOM] < 3100
    assert memory.tables[PAIR, USED] == np.count_nonzero(young) == len(taken(memory, PAIR))
    for key in np.array(keys)[young].tolist():
        assert memory.words[_place(memory, key)] == key


def test_what_was_swept_has_room_for_twice_as_many_as_come():
    memory, swept = _room_for(1, 1000), []
    for day in range(8):
        held = int(memory.tables[PAIR, USED])
        memory = with_room(memory, ROWS, np.array([1, 1000]), edge=day - 1)
        swept.append(int(memory.tables[PAIR, USED]) < held)
        _put_pairs(memory, 1000 * day, 1000 * (day + 1), last=day)

    assert not any(a and b for a, b in pairwise(swept))
    assert memory.tables[PAIR, USED] <= 4000
    assert memory.tables[PAIR, ROOM] <= 4.5 * 3 * 1000


def test_pushes_of_a_few_events_do_not_sweep_a_full_table_again_and_again():
    memory, sweeps = _room_for(1, 10), 0
    for push in range(1000):
        held = int(memory.tables[PAIR, USED])
        memory = with_room(memory, ROWS, np.array([1, 10]), edge=10 * push - 3000)
        sweeps += memory.tables[PAIR, USED] < held
        _put_pairs(memory, 10 * push, 10 * (push + 1), last=10 * push)

    assert 1 <= sweeps <= 20
    assert memory.tables[PAIR, ROOM] <= 6 * 3 * 3000


def test_codes_have_room_for_many_more_once_a_large_memory_is_laid_out_anew():
    memory = _room_for(10, 100_000)
    by_items = with_room(memory, ROWS, np.array([11, 0]))
    by_pairs = with_room(memory, ROWS, np.array([10, 150_000]))

    assert by_items is not memory
    assert by_pairs is not memory
    for grown in (by_items, by_pairs):
        assert with_room(grown, ROWS, np.array([300, 0])) is grown


def test_codes_have_no_more_than_a_share_of_the_memory():
    memory = with_room(_room_for(2000, 100_000), ROWS, np.array([2000, 150_000]))
    of_items = memory.tables[ITEM, ROOM] * memory.tables[ITEM, STRIDE]

    assert memory.tables[ITEM, ROOM] > 2000
    assert of_items < len(memory.words) / 16


def test_without_a_horizon_nothing_is_swept():
    memory = _room_for(1, 10)
    _put_pairs(memory, 0, 10, last=1)
    roomy = with_room(memory, ROWS, np.array([1, 1000]), edge=NEVER)

    assert roomy.tables[PAIR, USED] == 10
