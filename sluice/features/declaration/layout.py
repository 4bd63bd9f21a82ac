"""Where each counter lies: the row that every key of a table has, and which events change it.

A row is a run of 8-byte words: a header (the pair's key, or an item's facts), the times of the last
event and of the first, times of the last event by kind, decayed sums, then 4-byte counts. What is read together lies
together, so that a candidate costs one or two cache lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.features.declaration.spec import ALL, CLICK, EXPOSURE

ITEM, USER, PROVIDER, CATEGORY, PREVIOUS = range(5)
"""Codes that every event and every candidate has; keys are made of them."""
CODES = 5

KEYS = {
    "item": (ITEM,), "provider": (PROVIDER,), "category": (CATEGORY,), "user": (USER,),
    "surface": (),
    "user_item": (USER, ITEM), "user_provider": (USER, PROVIDER),
    "user_category": (USER, CATEGORY), "previous_item": (PREVIOUS, ITEM),
}  # fmt: skip
"""What each key is made of. One code numbers a row; two are found by hashing."""

ITEMS = 0
"""Number of the item's table, which every declaration has."""

# Columns of `Rows.tables`, offsets within a row in words.
FIRST, SECOND, SCALE, STRIDE = range(4)
"""Codes of the key, SECOND absent for a single one; SCALE 0 makes one row of all; words of a row."""
LAST, SINCE, SINCES = range(4, 7)
"""Time of the last event, where anything asks for it; times by kind, and how many."""
DECAY, DECAYS, HALF = range(7, 10)
"""Decayed sums, how many, and where their half-lives begin in `Rows.halves`."""
ENDLESS, ENDLESS_END = range(10, 12)
"""Counts over all of time: their range in `Rows.endless`."""
BEGAN = 12
"""Time of the first event since the key was last forgotten, where keys are."""
COUNT, COUNTS = 13, 14
"""First of the row's counts, in cells, and how many."""
BASE, ROOM, USED = range(15, 18)
"""Word of row 0, rows there is room for beside it, and keys of a table of pairs."""
TABLE_COLUMNS = 18

# Columns of `Rows.updates`: what one event changes in one table; the first three of `Rows.expiries`.
TABLE, CELL, STRICT, CELLS, UPDATE_SINCE, UPDATE_DECAY, UPDATE_DECAYS, UPDATE_HALF = range(
    8
)
"""STRICT counts only feedback that answers an exposure."""
UPDATE_COLUMNS, EXPIRY_COLUMNS = 8, 3

ABSENT = -1
UNKNOWN = -1
"""Code of an item, person, provider or category that the state has never met."""
NEVER = np.iinfo(np.int64).min
"""Time of something that has not happened."""
SINCE_SPAN, DECAY_SPAN = "since", "decay_"
PROVIDER_CELL, CATEGORY_CELL = 2, 3
"""Cells of an item's row that hold its provider and its category, as code + 1."""
NOTED = 2
"""Word of an item's row that says when something was last heard of it, where that is kept."""
LINE = 8
"""Words in a cache line."""


class Tally(NamedTuple):
    """One number kept for every key of a table."""

    key: str
    event: str
    span: str
    """A window like `24h`, `all`, `decay_6h`, or `since`."""


@dataclass(frozen=True)
class Rows:
    """The rows of all tables of a declaration."""

    kinds: tuple[str, ...]
    """Kinds of events that are counted; exposures first, then clicks."""
    windows: NDArray[np.int64]
    """[W] µs."""
    half_lives: NDArray[np.int64]
    """[H] µs."""
    offsets: dict[Tally, int]
    """Where in its row a tally lies: a word for times and decayed sums, a cell for counts."""
    keys: tuple[str, ...]
    """Of the tables; the item's is the first."""
    tables: NDArray[np.int64]
    """[tables, TABLE_COLUMNS]; the last three are the memory's to fill."""
    halves: NDArray[np.int64]
    """Indices into the half-lives."""
    endless: NDArray[np.int64]
    """Cells of counts over all of time."""
    updates: NDArray[np.int64]
    """[updates, 8], sorted by kind of event."""
    updates_first: NDArray[np.int64]
    """[kinds + 1]."""
    expiries: NDArray[np.int64]
    """[expiries, 3], sorted by kind and window: which count an event leaves with its window."""
    expiries_first: NDArray[np.int64]
    """[kinds × windows + 1]."""
    marked: NDArray[np.bool_]
    """[kinds, CODES] which codes an event of each kind has to carry: its tables' keys."""

    def table(self, key: str) -> int:
        """Number of the key's table, or ABSENT."""
        return self.keys.index(key) if key in self.keys else ABSENT

    @property
    def pairs(self) -> NDArray[np.bool_]:
        """[tables] whether a table's keys are pairs."""
        return self.tables[:, SECOND] != ABSENT


def lay_out(tallies: Iterable[Tally], *, keep_last: bool, keep_noted: bool) -> Rows:
    """Give every tally a place.

    Args:
        tallies: in the order in which they are declared; twice is once.
        keep_last: whether every row keeps the time of its last event, as forgetting needs.
        keep_noted: whether an item's row keeps when something was last heard of it.
    """
    wanted = list(dict.fromkeys(tallies))
    events = {tally.event for tally in wanted} - {EXPOSURE, CLICK}
    kinds = (EXPOSURE, CLICK, *sorted(events))
    spans = list(dict.fromkeys(tally.span for tally in wanted))
    windows = [span for span in spans if _is_window(span)]
    half_lives = [
        span.removeprefix(DECAY_SPAN) for span in spans if span.startswith(DECAY_SPAN)
    ]
    keys = [key for key in KEYS if any(tally.key == key for tally in wanted)]
    rows = []
    for key in keys:
        own = [tally for tally in wanted if tally.key == key]
        header = NOTED + keep_noted if key == "item" else int(len(KEYS[key]) == 2)
        rows.append(_Row(key, own, kinds, header, keep_last=keep_last))
    tables, halves, endless = _tables(rows, half_lives)
    updates, updates_first = _updates(rows, kinds, tables)
    expiries, expiries_first = _expiries(rows, kinds, windows)
    return Rows(
        kinds=kinds,
        windows=np.array([microseconds(text) for text in windows], np.int64),
        half_lives=np.array([microseconds(text) for text in half_lives], np.int64),
        offsets={tally: place for row in rows for tally, place in row.offsets.items()},
        keys=tuple(keys),
        tables=tables,
        halves=halves,
        endless=endless,
        updates=updates,
        updates_first=updates_first,
        expiries=expiries,
        expiries_first=expiries_first,
        marked=_marked(tables, updates, updates_first),
    )


def _is_window(span: str) -> bool:
    return span not in (ALL, SINCE_SPAN) and not span.startswith(DECAY_SPAN)


class _Row:
    """Places within one table's row."""

    def __init__(
        self, key: str, tallies: list[Tally], kinds: tuple[str, ...], words: int,
        *, keep_last: bool,
    ) -> None:  # fmt: skip
        self.key, self.kinds = key, kinds
        in_order = sorted(tallies, key=lambda tally: kinds.index(tally.event))
        self.since = [tally for tally in in_order if tally.span == SINCE_SPAN]
        self.decayed = [tally for tally in in_order if tally.span.startswith(DECAY_SPAN)]
        windowed = [tally for tally in in_order if _is_window(tally.span)]
        endless = [tally for tally in in_order if tally.span == ALL]
        self.counts = sorted(windowed + endless, key=lambda tally: kinds.index(tally.event))
        self.offsets: dict[Tally, int] = {}
        self.last = words if self.decayed or keep_last else ABSENT
        words += self.last != ABSENT
        self.began = words if keep_last else ABSENT
        words += keep_last
        words = self._place(self.since, words, 1)
        words = self._place(self.decayed, words, 2)
        cells = self._place(self.counts, 2 * words, 1)
        words = (cells + 1) // 2
        fits = 1 << (words - 1).bit_length()
        self.stride = fits if fits <= LINE else -(-words // LINE) * LINE

    def _place(self, tallies: list[Tally], place: int, width: int) -> int:
        for tally in tallies:
            self.offsets[tally] = place
            place += width
        return place

    def of(self, tallies: list[Tally], event: str) -> list[Tally]:
        return [tally for tally in tallies if tally.event == event]

    def first(self, tallies: list[Tally]) -> int:
        return self.offsets[tallies[0]] if tallies else ABSENT

    @property
    def answers(self) -> bool:
        # An item's rate is of answers to exposures; a person's memory is of all feedback.
        return "user" not in self.key and self.key != "previous_item"


def _tables(
    rows: list[_Row], half_lives: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    tables = np.full((len(rows), TABLE_COLUMNS), ABSENT, np.int64)
    halves: list[int] = []
    endless: list[int] = []
    for table, row in zip(tables, rows, strict=True):
        codes = KEYS[row.key]
        table[FIRST], table[SCALE] = (codes[0], 1) if codes else (ITEM, 0)
        table[SECOND] = codes[1] if len(codes) == 2 else ABSENT
        table[STRIDE], table[LAST] = row.stride, row.last
        table[SINCE], table[SINCES] = row.first(row.since), len(row.since)
        table[DECAY], table[DECAYS], table[HALF] = row.first(row.decayed), len(row.decayed), len(halves)  # fmt: skip
        halves += [
            half_lives.index(tally.span.removeprefix(DECAY_SPAN)) for tally in row.decayed
        ]
        table[ENDLESS] = len(endless)
        endless += [row.offsets[tally] for tally in row.counts if tally.span == ALL]
        table[ENDLESS_END] = len(endless)
        table[BEGAN] = row.began
        table[COUNT], table[COUNTS] = row.first(row.counts), len(row.counts)
    tables[:, BASE:] = 0
    return tables, np.array(halves, np.int64), np.array(endless, np.int64)


def _updates(
    rows: list[_Row], kinds: tuple[str, ...], tables: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, changes = [0], []
    for event in kinds:
        for table, row in enumerate(rows):
            counts, since, sums = (
                row.of(tallies, event) for tallies in (row.counts, row.since, row.decayed)
            )
            skipped = row.decayed.index(sums[0]) if sums else 0
            if counts or since or sums:
                changes.append((
                    table, row.first(counts), row.answers, len(counts), row.first(since),
                    row.first(sums), len(sums), int(tables[table, HALF]) + skipped,
                ))  # fmt: skip
        first.append(len(changes))
    return _table(changes, UPDATE_COLUMNS), np.array(first, np.int64)


def _marked(
    tables: NDArray[np.int64], updates: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[np.bool_]:
    # What an event leaves with its window it entered before, so updates tell it all.
    marked = np.zeros((len(first) - 1, CODES), np.bool_)
    for kind in range(len(marked)):
        changed = tables[updates[first[kind] : first[kind + 1], TABLE]]
        codes = changed[:, [FIRST, SECOND]]
        marked[kind, codes[codes != ABSENT]] = True
    return marked


def _expiries(
    rows: list[_Row], kinds: tuple[str, ...], windows: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, leaving = [0], []
    for event in kinds:
        for window in windows:
            for table, row in enumerate(rows):
                cell = row.offsets.get(Tally(row.key, event, window), ABSENT)
                if cell != ABSENT:
                    leaving.append((table, cell, row.answers))
            first.append(len(leaving))
    return _table(leaving, EXPIRY_COLUMNS), np.array(first, np.int64)


def _table(rows: list[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(len(rows), width)
