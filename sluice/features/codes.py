"""Dense codes for ids: the kernel counts in arrays, the log speaks of strings."""

from collections.abc import Iterable
from itertools import count

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sluice.features.dictionary import dictionary
from sluice.features.rows import UNKNOWN
from sluice.features.runs import runs

_FEW = 8
"""Ids are looked up one by one where there are so many times more known ones to be hashed."""


class Codes:
    """Ids numbered in the order in which they were first met. An id keeps its code for ever."""

    def __init__(self, ids: list[str] | None = None) -> None:
        self.ids: list[str] = list(ids or [])
        # Both lag behind the ids until they are asked for.
        self._numbers: dict[str | None, int] = {}
        self._strings = pa.array([], pa.large_string())

    def __len__(self) -> int:
        return len(self.ids)

    def learn(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, whose new ids are numbered; nulls are UNKNOWN."""
        distinct, places = dictionary(column)
        codes = self._codes(distinct)
        new = codes == UNKNOWN
        codes[new] = np.arange(len(self.ids), len(self.ids) + np.count_nonzero(new))
        self.ids += distinct.filter(pa.array(new)).to_pylist()
        return _spread(codes, places)

    def learn_runs(self, column: pl.Series) -> NDArray[np.int32]:
        """As `learn`, for a column that repeats each id many times in a row."""
        ids, offsets = runs(column)
        return np.repeat(self.learn(ids), np.diff(offsets))

    def encode(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, UNKNOWN where an id was never learned or is null."""
        distinct, places = dictionary(column)
        return _spread(self._codes(distinct), places)

    def encode_all(self, names: Iterable[str | None]) -> NDArray[np.int32]:
        """As `encode`, for a few names."""
        number = self._numbered().get
        return np.array([number(name, UNKNOWN) for name in names], np.int32)

    def decode(self, numbers: NDArray[np.int32]) -> list[str]:
        return [self.ids[number] for number in numbers]

    def code(self, name: str) -> int:
        return self._numbered().get(name, UNKNOWN)

    def _codes(self, distinct: pa.Array) -> NDArray[np.int32]:
        if len(self.ids) > _FEW * len(distinct):
            return self.encode_all(distinct.to_pylist())
        known = len(self._strings)
        if known < len(self.ids):
            learned = pa.array(self.ids[known:], pa.large_string())
            self._strings = pa.concat_arrays([self._strings, learned])
        options = pc.SetLookupOptions(self._strings)
        found = pc.call_function("index_in", [distinct], options)
        return np.array(found.fill_null(UNKNOWN), np.int32)

    def _numbered(self) -> dict[str | None, int]:
        known = len(self._numbers)
        if known < len(self.ids):
            self._numbers.update(zip(self.ids[known:], count(known), strict=False))
        return self._numbers


def _spread(codes: NDArray[np.int32], places: NDArray[np.int32]) -> NDArray[np.int32]:
    # Nulls have place -1, and so the last of the codes.
    return np.append(codes, np.int32(UNKNOWN))[places]
