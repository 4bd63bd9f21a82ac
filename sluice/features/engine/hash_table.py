"""The tables in one stretch of memory, read and written by the kernel.

Every table is a run of rows of equal length; row 0 is never written, so that whatever is not known
is read there as zeros. Tables of pairs are hash tables with open addressing and linear probing: a key
is found by what it is, never by the order in which keys came.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import (
    ABSENT,
    BASE,
    LAST,
    LINE,
    NEVER,
    ROOM,
    SCALE,
    SECOND,
    STRIDE,
    UNKNOWN,
    USED,
    Rows,
)
from sluice.features.engine.compiled import compiled, inlined
from sluice.features.engine.llvm import AHEAD, fetch, natural

MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)
HALF_WORD = np.uint64(32)
"""Bits."""
FREE = 0
"""Key of a row that is not taken; a pair's key is never 0."""
_LISTED = 1 << 8
"""Rows that a sweep looks at before it takes any out."""
_MANY, _SHARE = 32, 16
"""A table of codes has room for so many times those there are, up to this part of the memory."""


class Memory(NamedTuple):
    """The rows of all tables, seen as 8-byte integers, 4-byte counts and 8-byte floats."""

    words: NDArray[np.int64]
    cells: NDArray[np.int32]
    sums: NDArray[np.float64]
    tables: NDArray[np.int64]
    """[tables, TABLE_COLUMNS] as `Rows.tables`, with where each table begins and what it holds."""


@compiled
def pair_key(first: int, second: int) -> int:
    """One integer for a pair of codes; 0 for none."""
    return ((first + 1) << 32) | (second + 1)


@compiled
def home(base: int, stride: int, room: int, key: int) -> int:
    """Word of the row at which the search for a key begins."""
    mixed = np.uint64(key) * MIX
    mixed = (mixed ^ (mixed >> HALF_WORD)) * MIX
    return base + (int(((mixed >> HALF_WORD) * np.uint64(room)) >> HALF_WORD) + 1) * stride


@compiled
def find(words: NDArray[np.int64], base: int, stride: int, room: int, key: int) -> int:
    """Word at which the key's row begins, or that of the free row where it would go."""
    at = home(base, stride, room, key)
    while words[natural(at)] != key and words[natural(at)] != FREE:
        at += stride
        if at > base + room * stride:
            at = base + stride
    return at


@compiled
def place(
    words: NDArray[np.int64], table: NDArray[np.int64], first: int, second: int
) -> int:
    """Word at which a key's row begins, or would begin; that of row 0 where the key is not known."""
    if table[SECOND] == ABSENT:
        return table[BASE] + (first * table[SCALE] + 1) * table[STRIDE]
    if min(first, second) == UNKNOWN:
        return table[BASE]
    return find(words, table[BASE], table[STRIDE], table[ROOM], pair_key(first, second))


@compiled
def _reinsert(
    old: NDArray[np.int64], words: NDArray[np.int64], table: NDArray[np.int64]
) -> int:
    """Copy rows that hold a key, each to where it is found; returns how many there are."""
    base, stride, room, held = table[BASE], table[STRIDE], table[ROOM], 0
    for row in range(len(old)):
        coming = min(row + AHEAD, len(old) - 1)
        fetch(words, home(base, stride, room, old[coming, 0]))
        if old[row, 0] == FREE:
            continue
        at = find(words, base, stride, room, old[row, 0])
        for word in range(stride):
            words[at + word] = old[row, word]
        held += 1
    return held


@compiled
def _sweep(
    words: NDArray[np.int64], table: NDArray[np.int64], edge: int, listed: NDArray[np.int64]
) -> int:
    """Take out keys whose last event lies before `edge`; returns how many there were."""
    stride = table[STRIDE]
    first, end = table[BASE] + stride, table[BASE] + (table[ROOM] + 1) * stride
    # From a free row on, and round to it: no search begins before it and ends behind it.
    free = first
    while words[natural(free)] != FREE:
        free += stride
    swept = _sweep_rows(words, table, edge, listed, free, end)
    return swept + _sweep_rows(words, table, edge, listed, first, free)


@compiled
def _sweep_rows(words, table, edge, listed, low, high) -> int:  # noqa: ANN001 - plain arrays
    """What `_sweep` does, for the rows from `low` to `high`, which follow on rows that are done."""
    stride, last, idle, behind = table[STRIDE], table[LAST], listed[0], listed[1]
    swept, follows = 0, True
    for begin in range(low, high, len(idle) * stride):
        gone = moved = 0
        # Listed first: which rows are idle, or free, is what a processor cannot guess.
        for row in range(begin, min(begin + len(idle) * stride, high), stride):
            at = natural(row)
            taken, old = words[at] != FREE, words[natural(at + last)] < edge
            idle[natural(gone)] = behind[natural(moved)] = at
            gone += taken & old
            moved += taken & (not old) & follows
            follows = taken
        for nth in range(gone):
            _clear(words, stride, natural(idle[natural(nth)]))
        # In their order: each finds those before it where they will stay.
        for nth in range(moved):
            _move_up(words, table, natural(behind[natural(nth)]))
        swept += gone
    return swept


@inlined
def _move_up(words, table, row) -> None:  # noqa: ANN001 - plain arrays
    """Put a row where its search now ends, if that is before it."""
    stride = table[STRIDE]
    to = natural(find(words, table[BASE], stride, table[ROOM], words[row]))
    if to != row:
        for word in range(stride):
            words[to + word] = words[row + word]
        _clear(words, stride, row)


@inlined
def _clear(words, stride, row) -> None:  # noqa: ANN001 - plain arrays
    for word in range(stride):
        words[row + word] = FREE


def empty_memory(rows: Rows) -> Memory:
    """Tables without room; `with_room` makes it."""
    return _laid_out(rows, np.zeros(len(rows.keys), np.int64))


def _laid_out(rows: Rows, room: NDArray[np.int64]) -> Memory:
    tables = rows.tables.copy()
    lengths = -((-room - 1) * tables[:, STRIDE] // LINE) * LINE
    tables[:, BASE] = np.cumsum(lengths) - lengths
    tables[:, ROOM] = room
    return _seen(_zeros(int(lengths.sum())), tables)


def _zeros(words: int) -> NDArray[np.int64]:
    """Words that begin where a cache line does, so that no row lies in more lines than it fills."""
    roomy = np.zeros(words + LINE, np.int64)
    skipped = -(roomy.ctypes.data // roomy.itemsize) % LINE
    return roomy[skipped : skipped + words]


def _seen(words: NDArray[np.int64], tables: NDArray[np.int64]) -> Memory:
    return Memory(words, words.view(np.int32), words.view(np.float64), tables)


def copied(memory: Memory) -> Memory:
    """The same rows elsewhere."""
    words = _zeros(len(memory.words))
    words[:] = memory.words
    return _seen(words, memory.tables.copy())


def table_rows(memory: Memory, table: int) -> NDArray[np.int64]:
    """[rows, words] of one table without its row 0, as a view."""
    base, room, stride = (
        int(memory.tables[table, column]) for column in (BASE, ROOM, STRIDE)
    )
    return memory.words[base + stride : base + (room + 1) * stride].reshape(room, stride)


def with_room(
    memory: Memory, rows: Rows, more: NDArray[np.int64], edge: int = NEVER
) -> Memory:
    """Memory with room for more keys in each table.

    Args:
        memory: what there is; may lose idle keys.
        rows: of its tables.
        more: [tables] codes that a dense table must have room for; keys that may come into a table
            of pairs.
        edge: µs; a table of pairs that is too small loses keys whose last event lies before.
    """
    pairs, room = rows.pairs, memory.tables[:, ROOM]
    used = memory.tables[:, USED]
    short = pairs & (_wanted(pairs, used + more) > room)
    for table in np.flatnonzero(short).tolist():
        sweep(memory, table, edge)
    # What had to be swept has room for as much again, so as to be swept every other time at most.
    again = np.maximum(2 * more, more + used // 4)
    more = np.where(short & (edge != NEVER), again, more)
    wanted = _wanted(pairs, used + more)
    if (wanted <= room).all():
        return memory
    new = _laid_out(rows, _ahead(memory, pairs, wanted))
    for table, old in enumerate(table_rows(memory, index) for index in range(len(pairs))):
        if len(old) == new.tables[table, ROOM]:
            table_rows(new, table)[:] = old
            new.tables[table, USED] = used[table]
        else:
            put_rows(new, rows, table, old)
    return new


def _ahead(
    memory: Memory, pairs: NDArray[np.bool_], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Room for rows to come, so that few of them have all tables laid out anew."""
    room, stride = memory.tables[:, ROOM], memory.tables[:, STRIDE]
    grown = np.where(room > 0, np.maximum(wanted, 3 * room // 2), wanted)
    grown = np.where(wanted <= room, room, grown)
    # All tables are laid out for the sake of one: codes, beside pairs, have room for all they need.
    share = np.minimum(_MANY * wanted, len(memory.words) // _SHARE // stride)
    return np.where(pairs, grown, np.maximum(grown, share))


def _wanted(pairs: NDArray[np.bool_], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    # At a load of a third most searches end where they begin.
    return np.where(pairs, 3 * keys + 8, keys)


def put_rows(memory: Memory, rows: Rows, table: int, old: NDArray[np.int64]) -> None:
    """Copy rows into an empty table: by code where it is dense, by key where it is of pairs."""
    if rows.pairs[table]:
        there = memory.tables[table]
        there[USED] = _reinsert(old, memory.words, there)
    else:
        table_rows(memory, table)[: len(old)] = old


def sweep(memory: Memory, table: int, edge: int) -> None:
    """Take keys out of a table of pairs whose last event lies before `edge` (µs)."""
    timed = memory.tables[table, LAST] != ABSENT
    if timed and edge != NEVER and memory.tables[table, USED]:
        listed = np.empty((2, _LISTED), np.int64)
        swept = _sweep(memory.words, memory.tables[table], edge, listed)
        memory.tables[table, USED] -= swept


def taken(memory: Memory, table: int) -> NDArray[np.int64]:
    """[keys, words] rows of a table of pairs that hold a key."""
    stored = table_rows(memory, table)
    return stored[stored[:, 0] != FREE]


def packed(rows: Rows, kept: list[NDArray[np.int64]]) -> Memory:
    """Memory with just the room for these rows of each table, of which those of pairs hold a key."""
    lengths = np.array([len(stored) for stored in kept], np.int64)
    memory = with_room(empty_memory(rows), rows, lengths)
    for table, stored in enumerate(kept):
        put_rows(memory, rows, table, stored)
    return memory
