"""Rows that are looked up by the hash of a key.

A hash only says where to look: whoever looks compares the real rows.
"""

from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.known_rows import KEYS

LOOKED_UP_BY = {
    "exposures": ("request_id",),
    "feedback": KEYS["feedback"],
    "items": KEYS["items"],
}
"""By the request and not the candidate: a request is judged with all that it showed."""
Hashes = NDArray[np.uint64]
_SEED = 14


def key_hashes(table: str, frame: pl.DataFrame) -> Hashes:
    """One hash a row."""
    return frame[list(LOOKED_UP_BY[table])].hash_rows(seed=_SEED).to_numpy()


def row_hashes(table: str, frame: pl.DataFrame) -> Hashes:
    """One hash a row, of the whole key that makes two rows the same event."""
    return frame[list(KEYS[table])].hash_rows(seed=_SEED).to_numpy()


def request_hashes(requests: pl.Series) -> Hashes:
    """Of the requests that feedback answers; those of exposures by the same hash."""
    return key_hashes("exposures", requests.drop_nulls().rename("request_id").to_frame())


class KeyedRows:
    """A frame and the order of its rows by hash."""

    def __init__(self, frame: pl.DataFrame, hashes: Hashes) -> None:
        self.frame, self.hashes = frame, hashes
        self._rows = np.argsort(hashes, kind="stable").astype(np.uint32)
        self._hashes = hashes[self._rows]

    @classmethod
    def of(cls, table: str, frame: pl.DataFrame) -> Self:
        return cls(frame, key_hashes(table, frame))

    def followed_by(self, other: Self) -> Self:
        """The rows of both; none is hashed again."""
        both = pl.concat([self.frame, other.frame], how="diagonal", rechunk=True)
        return type(self)(both, np.concatenate([self.hashes, other.hashes]))

    def matching(self, wanted: Hashes) -> pl.DataFrame:
        """Rows with one of these hashes (sorted, each once), in the frame's order."""
        first = np.searchsorted(self._hashes, wanted, "left")
        counts = np.searchsorted(self._hashes, wanted, "right") - first
        total = int(counts.sum())
        if not total:
            return self.frame.clear()
        starts = np.repeat(first - np.cumsum(counts) + counts, counts)
        rows = np.sort(self._rows[starts + np.arange(total)])
        return self.frame[rows]
