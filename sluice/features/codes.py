"""Dense codes for ids: the kernel counts in arrays, the log speaks of strings."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.features.dictionary import dictionary
from sluice.features.rows import UNKNOWN


class Codes:
    """Ids numbered in the order in which they were first met. An id keeps its code for ever."""

    def __init__(self, ids: list[str] | None = None) -> None:
        self.ids: list[str] = list(ids or [])
        self._numbers: dict[str | None, int] = {
            name: number for number, name in enumerate(self.ids)
        }

    def __len__(self) -> int:
        return len(self.ids)

    def learn(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, whose new ids are numbered; nulls are UNKNOWN."""
        distinct, places = dictionary(column)
        numbers, before = self._numbers, len(self.ids)
        known = list(map(numbers.get, distinct))
        new = [name for name, code in zip(distinct, known, strict=True) if code is None]
        numbers.update(zip(new, range(before, before + len(new)), strict=True))
        self.ids += new
        fresh = iter(range(before, before + len(new)))
        codes = [next(fresh) if code is None else code for code in known]
        return _spread(codes, places)

    def learn_runs(self, column: pl.Series) -> NDArray[np.int32]:
        """As `learn`, for a column that repeats each id many times in a row."""
        runs = column.rle().struct.unnest()
        return np.repeat(self.learn(runs["value"]), runs["len"].to_numpy())

    def encode(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, UNKNOWN where an id was never learned or is null."""
        distinct, places = dictionary(column)
        number = self._numbers.get
        return _spread([number(name, UNKNOWN) for name in distinct], places)

    def encode_all(self, names: Iterable[str | None]) -> NDArray[np.int32]:
        """As `encode`, for a few names."""
        number = self._numbers.get
        return np.array([number(name, UNKNOWN) for name in names], np.int32)

    def decode(self, numbers: NDArray[np.int32]) -> list[str]:
        return [self.ids[number] for number in numbers]

    def code(self, name: str) -> int:
        return self._numbers.get(name, UNKNOWN)


def _spread(codes: list[int], places: NDArray[np.int32]) -> NDArray[np.int32]:
    # Nulls have place -1, and so the last of the codes.
    return np.array([*codes, UNKNOWN], np.int32)[places]
