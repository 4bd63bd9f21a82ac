"""What is watched of one window, row by row: values in columns, and the segments of every row."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.monitors.usual.levels import Dimension


@dataclass(frozen=True)
class Watched:
    """The shown items of one window, one row each."""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    """[rows, columns]; NaN where unknown."""
    segments: Mapping[str, pl.Series]
    """Texts by dimension, e.g. category, one a row; null where unknown."""
    requests: int

    def __post_init__(self) -> None:
        if self.values.shape[1:] != (len(self.names),):
            raise DataError(
                f"Cannot watch {self.values.shape} values under {len(self.names)} names; give one "
                "name a column"
            )
        wrong = [name for name, texts in self.segments.items() if len(texts) != self.rows]
        if wrong:
            raise DataError(
                f"Cannot watch segments of {', '.join(wrong)}: they have not {self.rows} rows"
            )

    @property
    def rows(self) -> int:
        return len(self.values)

    def codes(self, dimensions: tuple[Dimension, ...]) -> NDArray[np.int32]:
        """Group of every row in every dimension, [rows, dimensions], counted through all of them."""
        codes = np.zeros((self.rows, len(dimensions)), np.int32)
        first = 0
        for index, dimension in enumerate(dimensions):
            codes[:, index] = first + dimension.codes(self.segments[dimension.name])
            first += len(dimension.labels)
        return codes
