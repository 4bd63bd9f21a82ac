"""Dense codes for ids: the kernel counts in arrays, the log speaks of strings."""

from collections.abc import Iterable

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from sluice.features.dictionary import dictionary
from sluice.features.rows import UNKNOWN
from sluice.features.runs import runs
from sluice.features.strings import (
    Strings,
    empty_strings,
    find_strings,
    hash_strings,
    learn_strings,
    with_room,
)

_BLOCK = 1 << 16
"""Ids learned at a time, each of which may be new and is given room."""


class Codes:
    """Ids numbered in the order in which they were first met."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._strings, self._count = empty_strings(), 0
        self._ids: list[str] = []
        self._learn(pa.array(ids, pa.large_string()))

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> list[str]:
        """All ids, in the order of their codes."""
        known = len(self._ids)
        if known < self._count:
            self._ids += self._arrow()[known:].to_pylist()
        return self._ids

    def learn(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, whose new ids are numbered; nulls are UNKNOWN."""
        strings, places = dictionary(column)
        return _spread(self._learn(strings), places)

    def learn_runs(self, column: pl.Series) -> NDArray[np.int32]:
        """As `learn`, for a column that repeats each id many times in a row."""
        ids, offsets = runs(column)
        return np.repeat(self.learn(ids), np.diff(offsets))

    def encode(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, UNKNOWN where an id was never learned or is null."""
        strings, places = dictionary(column)
        return _spread(self._find(strings), places)

    def encode_all(self, names: Iterable[str | None]) -> NDArray[np.int32]:
        """As `encode`, for a few names."""
        return self._find(pa.array(names, pa.large_string()))

    def decode(self, codes: NDArray[np.int32]) -> list[str]:
        """Ids of codes."""
        return self._arrow().take(pa.array(codes)).to_pylist()

    def code(self, name: str) -> int:
        """Code of one id, or UNKNOWN."""
        return int(self.encode_all([name])[0])

    def copy(self) -> "Codes":
        """The same codes, to be added to elsewhere."""
        twin = Codes()
        twin._strings = Strings(*(each.copy() for each in self._strings))
        twin._count = self._count
        return twin

    def _arrow(self) -> pa.Array:
        text, bounds, _ = self._strings
        return pa.LargeStringArray.from_buffers(
            self._count, pa.py_buffer(bounds), pa.py_buffer(text)
        )

    def _find(self, strings: pa.Array) -> NDArray[np.int32]:
        codes = np.empty(len(strings), np.int32)
        text, bounds = _bytes(strings)
        find_strings(self._strings, text, bounds, _hashed(text, bounds), codes)
        if strings.null_count:
            codes[strings.is_null().to_numpy(zero_copy_only=False)] = UNKNOWN
        return codes

    def _learn(self, strings: pa.Array) -> NDArray[np.int32]:
        codes = np.empty(len(strings), np.int32)
        text, bounds = _bytes(strings)
        hashed = _hashed(text, bounds)
        for begin in range(0, len(codes), _BLOCK):
            end = min(begin + _BLOCK, len(codes))
            size = int(self._strings.bounds[self._count] + bounds[end] - bounds[begin])
            self._strings = with_room(
                self._strings, self._count, self._count + end - begin, size
            )
            self._count = learn_strings(
                self._strings, self._count, text, bounds[begin : end + 1], hashed[begin:end],
                codes[begin:end],
            )  # fmt: skip
        return codes


def _bytes(strings: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of large strings, and where each of them begins and ends."""
    _, bounds, text = strings.buffers()
    if not len(strings):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    begin = strings.offset
    return (
        np.frombuffer(text or b"", np.uint8),
        np.frombuffer(bounds, np.int64)[begin : begin + len(strings) + 1],
    )


def _hashed(text: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.uint64]:
    hashed = np.empty(len(bounds) - 1, np.uint64)
    hash_strings(text, bounds, hashed)
    return hashed


def _spread(codes: NDArray[np.int32], places: NDArray[np.int32]) -> NDArray[np.int32]:
    # Nulls have place -1, and so the last of the codes.
    return np.append(codes, np.int32(UNKNOWN))[places]
