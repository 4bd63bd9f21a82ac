"""How two matrices of the same features over the same rows differ, feature by feature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError


@dataclass(frozen=True)
class FeatureGap:
    """One feature, as it was against as it should have been."""

    name: str
    missing: int
    """Values that were unknown and should have been known."""
    extra: int
    """Values that were known and should not have been."""
    mismatch: int
    """Values that were known in both and differ by a bit or more."""
    mean: float
    """Mean absolute difference of those, in the feature's unit: how stale it was; 0 without any."""
    largest: float
    requests: int
    """Requests with at least one value that is missing, extra or another."""

    @property
    def cells(self) -> int:
        """Values that are not as they should have been."""
        return self.missing + self.extra + self.mismatch


class FeatureTally:
    """Adds up differences over blocks of requests; its cost is linear in the cells."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._counts = np.zeros((4, len(names)), np.int64)
        self._sum, self._largest = np.zeros((2, len(names)))
        self.requests = 0
        """Requests that were compared."""

    def add(
        self,
        was: NDArray[np.float32],
        should: NDArray[np.float32],
        offsets: NDArray[np.int64],
    ) -> None:
        """Compare a block of requests.

        Args:
            was: [rows, features]; NaN where unknown.
            should: [rows, features].
            offsets: [requests + 1]; request r owns rows offsets[r] to offsets[r + 1].

        Raises:
            DataError: the matrices are of other features, or of another number of rows.
        """
        expected = (int(offsets[-1]), len(self._names))
        if not was.shape == should.shape == expected:
            raise DataError(
                f"Cannot compare features {was.shape} with {should.shape}: {expected} are needed"
            )
        self.requests += len(offsets) - 1
        bits = np.ascontiguousarray(was).view(np.uint32) != np.ascontiguousarray(
            should
        ).view(np.uint32)
        rows = np.flatnonzero(bits.any(axis=1))
        if len(rows):
            request = np.searchsorted(offsets, rows, side="right") - 1
            self._add_rows(was[rows], should[rows], bits[rows], request)

    def gaps(self) -> tuple[FeatureGap, ...]:
        """Every feature, in the order of the columns."""
        missing, extra, mismatch, requests = self._counts.tolist()
        mean = self._sum / np.maximum(self._counts[2], 1)
        rows = zip(
            self._names, missing, extra, mismatch, mean.tolist(), self._largest.tolist(),
            requests, strict=True,
        )  # fmt: skip
        return tuple(FeatureGap(*row) for row in rows)

    def _add_rows(
        self,
        was: NDArray[np.float32],
        should: NDArray[np.float32],
        bits: NDArray[np.bool_],
        request: NDArray[np.int64],
    ) -> None:
        """Rows that differ; `request` [rows] is ascending."""
        unknown, unknown_should = np.isnan(was), np.isnan(should)
        missing, extra = unknown & ~unknown_should, ~unknown & unknown_should
        # One NaN is like another, whatever its bits.
        both = bits & ~unknown & ~unknown_should
        starts = np.flatnonzero(np.diff(request, prepend=-1))
        touched = np.logical_or.reduceat(missing | extra | both, starts, axis=0)
        for row, cells in enumerate((missing, extra, both, touched)):
            self._counts[row] += cells.sum(axis=0)
        apart = np.where(both, _distance(was, should), 0.0)
        self._sum += apart.sum(axis=0)
        np.maximum(self._largest, apart.max(axis=0), out=self._largest)


def _distance(was: NDArray[np.float32], should: NDArray[np.float32]) -> NDArray[np.float64]:
    """[rows, features]; an infinite value that is another is as far away as a float32 goes."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(was.astype(np.float64) - should.astype(np.float64))
    return np.nan_to_num(apart, nan=0.0, posinf=float(np.finfo(np.float32).max))
