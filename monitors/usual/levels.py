"""Segments by a dimension, as the reference had them: what is new since then is a level of its own."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

OTHER, NEW, UNKNOWN = "(other)", "(new)", "(unknown)"
MOST = 20
"""Levels of a dimension that are told apart; the rest are `OTHER`."""


@dataclass(frozen=True)
class Dimension:
    """One way to cut the rows, e.g. by category."""

    name: str
    known: tuple[str, ...]
    """Levels that the reference held, ascending."""
    told_apart: tuple[str, ...]
    """The most frequent of them, ascending."""

    @classmethod
    def learn(cls, name: str, texts: pl.Series) -> Self:
        """The levels of a reference's rows; null is unknown and no level."""
        levels = pl.DataFrame({"level": texts}).drop_nulls().group_by("level").len()
        # By name too, so that levels of one size are always chosen alike.
        ranked = levels.sort("len", "level", descending=[True, False])["level"]
        return cls(name, tuple(ranked.sort()), tuple(ranked.head(MOST).sort()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the groups, in the order of their codes."""
        return (*self.told_apart, OTHER, NEW, UNKNOWN)

    def codes(self, texts: pl.Series) -> NDArray[np.int32]:
        """Group of every row, [rows], counted from 0."""
        other = len(self.told_apart)
        groups = dict.fromkeys(self.known, other)
        groups |= {label: index for index, label in enumerate(self.told_apart)}
        coded = texts.replace_strict(
            list(groups), list(groups.values()), default=other + 1, return_dtype=pl.Int32
        )
        return np.where(texts.is_null(), other + 2, coded.to_numpy()).astype(np.int32)
