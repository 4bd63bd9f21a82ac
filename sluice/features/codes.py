"""Dense codes for ids: the kernel counts in arrays, the log speaks of strings."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.features.counters import UNKNOWN


class Codes:
    """Ids numbered in the order in which they were first met. An id keeps its code for ever."""

    def __init__(self, ids: list[str] | None = None) -> None:
        self.ids: list[str] = list(ids or [])
        self._numbers = {name: number for number, name in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def learn(self, *columns: pl.Series) -> None:
        """Number every id that is new, in alphabetical order; nulls have no code."""
        for name in pl.concat([column.unique() for column in columns]).unique().sort():
            if name is not None and name not in self._numbers:
                self._numbers[name] = len(self.ids)
                self.ids.append(name)

    def encode(self, column: pl.Series) -> NDArray[np.int32]:
        """Codes of a column, UNKNOWN where an id was never learned or is null."""
        known = pl.DataFrame(
            {"id": self.ids, "code": np.arange(len(self.ids), dtype=np.int32)},
            schema={"id": pl.String, "code": pl.Int32},
        )
        joined = column.to_frame("id").join(
            known, on="id", how="left", maintain_order="left"
        )
        return joined["code"].fill_null(UNKNOWN).to_numpy()

    def encode_runs(self, column: pl.Series) -> NDArray[np.int32]:
        """As `encode`, for a column that repeats each id many times in a row."""
        runs = column.rle().struct.unnest()
        return np.repeat(self.encode(runs["value"]), runs["len"].to_numpy())

    def code(self, name: str) -> int:
        return self._numbers.get(name, UNKNOWN)
