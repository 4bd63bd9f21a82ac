"""Dense codes for ids: the kernel counts in arrays, the log speaks of strings."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from sluice.features.declaration.layout import UNKNOWN
from sluice.features.engine.room import longer
from sluice.features.strings.dictionary import strings_of
from sluice.features.strings.runs import runs
from sluice.features.strings.string_table import (
    Strings,
    empty_strings,
    find_strings,
    hashes_of,
    learn_strings,
    with_room,
)

_BLOCK = 1 << 16
"""Ids learned at a time, each of which may be new and is given room."""

_FEW = 1 << 10
"""Ids that are not worth a look at which of them could be forgotten, or repeat each other."""

_REMEMBERED = 1 << 15
"""Ids of requests whose codes are at hand: people are shown the same items for a while."""


class Codes:
    """Ids numbered in the order in which they are met; a forgotten one's code goes to a new one."""

    def __init__(self, ids: Iterable[str | None] = ()) -> None:
        """Ids, all different, whose codes are their places; no id has the code of None."""
        strings = pa.array(ids, pa.large_string())
        codes = np.flatnonzero(strings.is_valid().to_numpy(zero_copy_only=False))
        self._hold(strings.drop_null(), codes.astype(np.int32), len(strings))

    def __len__(self) -> int:
        """How many codes there are, whether or not an id has each of them."""
        return self._length

    @property
    def doubled(self) -> bool:
        """Whether there are twice as many ids as when some were last forgotten."""
        return self._count > 2 * self._held + _FEW

    @property
    def ids(self) -> NDArray[Any]:
        """[codes] ids, None where no id has the code."""
        self._ids = longer(self._ids, self._length, None)
        if self._named < self._count:
            new = self._codes[self._named + 1 : self._count + 1]
            self._ids[new] = self._arrow()[self._named :].to_pylist()
            self._named = self._count
        return self._ids[: self._length]

    def learn(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, whose new ids are numbered; nulls are UNKNOWN."""
        strings, places = strings_of(column)
        return _spread(self._learn(strings), places)

    def learn_runs(self, column: pl.Series) -> NDArray[np.int32]:
        """As `learn`, for a column that repeats each id many times in a row."""
        if len(column) <= _FEW:
            return self.learn(column)
        ids, offsets = runs(column)
        return np.repeat(self.learn(ids), np.diff(offsets))

    def encode(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, UNKNOWN where an id was never learned or is null."""
        strings, places = strings_of(column)
        return _spread(self._find(strings), places)

    def encode_all(self, names: Sequence[str | None]) -> NDArray[np.int32]:
        """As `encode`, for a few names, of which most were asked for before."""
        codes = list(map(self._remembered.get, names))
        if None not in codes:
            return np.array(codes, np.int32)
        encoded = self._find(pa.array(names, pa.large_string()))
        self._remember(names, encoded.tolist())
        return encoded

    def decode(self, codes: NDArray[np.int32]) -> list[str | None]:
        """Ids of codes, None for UNKNOWN."""
        self._numbers = longer(self._numbers, self._length + 1, 0)
        if self._numbered < self._count:
            new = np.arange(self._numbered + 1, self._count + 1, dtype=np.int32)
            self._numbers[self._codes[new]] = new
            self._numbered = self._count
        numbers = self._numbers[codes]
        absent = (codes == UNKNOWN) | (numbers == 0)
        return self._arrow().take(pa.array(numbers - 1, mask=absent)).to_pylist()

    def names(self, codes: NDArray[np.int32]) -> list[str | None]:
        """As `decode`, for a few codes again and again: by a table of all ids, which is kept."""
        table: Any = self.ids
        return [None if code == UNKNOWN else table[code] for code in codes.tolist()]

    def code(self, name: str) -> int:
        """Code of one id, or UNKNOWN."""
        if (code := self._remembered.get(name)) is not None:
            return code
        text, numbers = np.frombuffer(name.encode(), np.uint8), np.empty(1, np.int32)
        bounds = np.array([0, len(text)], np.int64)
        find_strings(self._strings, text, bounds, hashes_of(text, bounds), numbers)
        code = int(self._codes[numbers[0]])
        self._remember([name], [code])
        return code

    def forget(self, idle: NDArray[np.bool_]) -> None:
        """Let go of the ids that have some codes, [codes]; new ids will have these."""
        codes = self._codes[1 : self._count + 1]
        stays = ~idle[codes]
        self._held = self._count
        if not stays.all():
            self._hold(self._arrow().filter(pa.array(stays)), codes[stays], self._length)

    def copy(self) -> "Codes":
        """The same codes, to be added to elsewhere."""
        twin = Codes()
        text, bounds, slots = self._strings
        twin._strings = Strings(text.copy(), bounds.copy(), slots.copy())
        twin._codes, twin._free = self._codes.copy(), self._free.copy()
        twin._count, twin._held, twin._length = self._count, self._held, self._length
        return twin

    def _remember(self, names: Sequence[str | None], codes: list[int]) -> None:
        """Hold codes of ids; an unknown one may be learned any time, the others' stay until some are forgotten."""
        if len(self._remembered) + len(codes) > _REMEMBERED:
            self._remembered.clear()
        for name, code in zip(names, codes, strict=True):
            if code != UNKNOWN:
                self._remembered[name] = code

    def _hold(self, strings: pa.Array, codes: NDArray[np.int32], length: int) -> None:
        """Have these ids, all different, and these of so many codes."""
        self._strings, self._count = empty_strings(), 0
        self._remembered: dict[str | None, int] = {}
        self._number(strings)
        self._held = self._count
        # That of the id numbered n is at n; numbers begin at 1.
        self._codes = np.append(np.int32(UNKNOWN), codes)
        self._length = length
        free = np.ones(length, np.bool_)
        free[codes] = False
        self._free = np.flatnonzero(free).astype(np.int32)
        self._ids, self._named = np.full(length, None, object), 0
        # Numbers by code, 0 where no id has it, of the first so many numbers.
        self._numbers, self._numbered = np.zeros(length, np.int32), 0

    def _arrow(self) -> pa.Array:
        """The ids in the order of their numbers."""
        text, bounds, _ = self._strings
        return pa.LargeStringArray.from_buffers(
            self._count, pa.py_buffer(bounds), pa.py_buffer(text)
        )

    def _find(self, strings: pa.Array) -> NDArray[np.int32]:
        numbers = np.empty(len(strings), np.int32)
        text, bounds = _bytes(strings)
        find_strings(self._strings, text, bounds, hashes_of(text, bounds), numbers)
        if strings.null_count:
            numbers[strings.is_null().to_numpy(zero_copy_only=False)] = 0
        return self._codes[numbers]

    def _learn(self, strings: pa.Array) -> NDArray[np.int32]:
        before = self._count
        numbers = self._number(strings)
        new = self._count - before
        again, self._free = self._free[:new], self._free[new:]
        end = self._length + new - len(again)
        self._codes = longer(self._codes, self._count + 1)
        codes = self._codes[before + 1 : self._count + 1]
        codes[: len(again)], codes[len(again) :] = again, np.arange(self._length, end)
        self._length = end
        return self._codes[numbers]

    def _number(self, strings: pa.Array) -> NDArray[np.int32]:
        """Numbers of strings, of which new ones are numbered on."""
        numbers = np.empty(len(strings), np.int32)
        text, bounds = _bytes(strings)
        hashed = hashes_of(text, bounds)
        for begin in range(0, len(numbers), _BLOCK):
            end = min(begin + _BLOCK, len(numbers))
            size = int(self._strings.bounds[self._count] + bounds[end] - bounds[begin])
            many = self._count + end - begin
            self._strings = with_room(self._strings, self._count, many, size)
            self._count = learn_strings(
                self._strings, self._count, text, bounds[begin : end + 1], hashed[begin:end],
                numbers[begin:end],
            )  # fmt: skip
        return numbers


def fingerprints(column: pl.Series) -> NDArray[np.int64]:
    """A number for each id, the same wherever it is met; two ids share one by a chance of 2^-64."""
    text, bounds = _bytes(column.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return hashes_of(text, bounds).view(np.int64)


def _bytes(strings: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of large strings, and where each of them begins and ends."""
    if not len(strings):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, bounds, text = strings.buffers()
    begin = strings.offset
    return (
        np.frombuffer(text or b"", np.uint8),
        np.frombuffer(bounds, np.int64)[begin : begin + len(strings) + 1],
    )


def _spread(codes: NDArray[np.int32], places: NDArray[np.int32]) -> NDArray[np.int32]:
    # Nulls have place -1, and so the last of the codes.
    return np.append(codes, np.int32(UNKNOWN))[places]
