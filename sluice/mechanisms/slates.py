"""Many requests' candidates in columns: what floors are fitted on and policies are compared over."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.mechanisms.slate import UNKNOWN, Group, Slate

_COLUMNS = (
    "item_ids", "scores", "providers", "categories", "embeddings", "ages", "is_ad", "revenue",
)  # fmt: skip


@dataclass(frozen=True)
class Slates:
    """Requests, each a run of consecutive rows; columns are those of a `Slate`, end to end."""

    offsets: NDArray[np.int64]
    """[requests + 1]; request r owns rows offsets[r] to offsets[r + 1]."""
    item_ids: NDArray[np.str_]
    scores: NDArray[np.float64]
    providers: Sequence[str | None] | None = None
    categories: Sequence[str | None] | None = None
    embeddings: NDArray[np.float32] | None = None
    ages: NDArray[np.float64] | None = None
    is_ad: NDArray[np.bool_] | None = None
    revenue: NDArray[np.float64] | None = None
    interests: Sequence[Mapping[str, float] | None] | None = None
    """[requests]."""

    def __post_init__(self) -> None:
        rows = int(self.offsets[-1])
        for name in _COLUMNS:
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise DataError(f"requests of {rows} rows in all have {len(column)} {name}")
        if self.interests is not None and len(self.interests) != self.requests:
            raise DataError(
                f"{self.requests} requests have {len(self.interests)} interests"
            )

    @property
    def requests(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        return len(self.item_ids)

    def __iter__(self) -> Iterator[Slate]:
        for request in range(self.requests):
            yield self.slate(request)

    def slate(self, request: int) -> Slate:
        """One request."""
        low, high = int(self.offsets[request]), int(self.offsets[request + 1])
        columns: dict[str, Any] = {
            name: column[low:high]
            for name in _COLUMNS
            if (column := getattr(self, name)) is not None
        }
        interest = None if self.interests is None else self.interests[request]
        return Slate(**columns, interest=interest)

    def take(self, first: int, last: int) -> "Slates":
        """Requests `first` up to, not including, `last`."""
        low, high = int(self.offsets[first]), int(self.offsets[last])
        columns: dict[str, Any] = {
            name: column[low:high]
            for name in _COLUMNS
            if (column := getattr(self, name)) is not None
        }
        interests = None if self.interests is None else self.interests[first:last]
        offsets = self.offsets[first : last + 1] - low
        return Slates(offsets, **columns, interests=interests)

    def by_score(self) -> NDArray[np.int64]:
        """Rows of every request from its top slot down, [rows], as `rank_by` orders each."""
        requests = np.repeat(np.arange(self.requests), np.diff(self.offsets))
        ids = self.item_ids.astype(np.str_)
        return np.lexsort((ids, -self.scores, requests)).astype(np.int64)

    def groups(self, of: Group) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Codes of the rows, UNKNOWN for none, and the names of the codes, in ascending order.

        Raises:
            DataError: the requests came without that column.
        """
        names = self.categories if of == "category" else self.providers
        if names is None:
            raise DataError(f"these requests have no {of} of their candidates")
        distinct = sorted({name for name in names if name is not None})
        codes: dict[str | None, int] = {name: code for code, name in enumerate(distinct)}
        codes[None] = UNKNOWN
        return np.array([codes[name] for name in names], np.int64), tuple(distinct)
