"""Mergeable profiles of a window: counts per bin of every feature and of the score.

The edges of the bins are taken from the reference window, once, and travel with the profile: a population
stability index means something only for the binning it was taken in.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sluice.data.atomic import write_atomically
from sluice.errors import DataError, IntegrityError, NotFound

QUANTILES = 20
"""Bins within the reference's range, of about equal counts there."""
EDGES = QUANTILES + 1
"""With a bin below the least and one above the greatest reference value, and one for NaN."""


@dataclass(frozen=True)
class Profile:
    """Counts per bin; profiles over the same edges add up, in any order and over any shards."""

    names: tuple[str, ...]
    """Of the features; the score is a column of its own, the last."""
    edges: NDArray[np.float64]
    """[features + 1, EDGES]; ascending, +inf where a column has fewer. Bin i holds
    edges[i - 1] < x <= edges[i]."""
    counts: NDArray[np.int64]
    """[features + 1, EDGES + 2]; the last bin counts NaN."""

    @property
    def rows(self) -> int:
        return int(self.counts[-1].sum())

    def merge(self, other: "Profile") -> "Profile":
        """The profile of both windows' rows together.

        Raises:
            DataError: the two were not counted in the same bins of the same features.
        """
        if self.names != other.names or not np.array_equal(self.edges, other.edges):
            raise DataError(
                f"profiles of {len(self.names)} and {len(other.names)} features cannot be compared "
                "or merged: they were counted in different bins; count both against one reference"
            )
        return Profile(self.names, self.edges, self.counts + other.counts)

    def save(self, path: Path) -> None:
        """Write a NumPy archive without objects."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            names=np.array(self.names, np.str_),
            edges=self.edges,
            counts=self.counts,
        )
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Profile":
        """Read what `save` wrote.

        Raises:
            NotFound: there is no such file.
            IntegrityError: the file is cut short, or is no profile.
        """
        if not path.is_file():
            raise NotFound(f"no reference profile {path}")
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                names = tuple(str(name) for name in stored["names"])
                profile = cls(names, stored["edges"], stored["counts"])
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
            raise IntegrityError(
                f"{path}: no profile, or a damaged one: {error}"
            ) from error
        if profile.counts.shape != (len(names) + 1, EDGES + 2):
            raise IntegrityError(
                f"{path}: counts are {profile.counts.shape}, expected ({len(names) + 1}, {EDGES + 2})"
            )
        return profile


def reference_profile(
    names: tuple[str, ...], features: NDArray[np.float32], scores: NDArray[np.float64]
) -> Profile:
    """The profile of the reference window, over edges taken from its quantiles.

    Args:
        names: of the feature columns.
        features: [rows, features]; NaN where unknown.
        scores: [rows].
    """
    _check(names, features, scores)
    columns = [features[:, index] for index in range(len(names))]
    edges = np.stack([quantile_edges(column) for column in [*columns, scores]])
    return _count(names, edges, features, scores)


def profile_like(
    reference: Profile, features: NDArray[np.float32], scores: NDArray[np.float64]
) -> Profile:
    """The profile of another window, [rows, features] and [rows], in the reference's bins."""
    _check(reference.names, features, scores)
    return _count(reference.names, reference.edges, features, scores)


def quantile_edges(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distinct quantiles of the known values, the first moved just below the least, +inf after.

    Every edge but the first is a value that occurs, so a value with much mass (a count of 0) ends
    its own bin.
    """
    edges = np.full(EDGES, np.inf)
    finite = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if len(finite):
        ranks = np.linspace(0, len(finite) - 1, QUANTILES + 1).astype(np.int64)
        upper = np.unique(finite[ranks[1:]])
        edges[: len(upper) + 1] = [np.nextafter(finite[0], -np.inf), *upper]
    return edges


def _check(
    names: tuple[str, ...], features: NDArray[np.float32], scores: NDArray[np.float64]
) -> None:
    if features.shape != (len(scores), len(names)):
        raise DataError(
            f"features are {features.shape}, expected ({len(scores)}, {len(names)})"
        )


def _count(
    names: tuple[str, ...],
    edges: NDArray[np.float64],
    features: NDArray[np.float32],
    scores: NDArray[np.float64],
) -> Profile:
    counts = np.zeros((len(names) + 1, EDGES + 2), np.int64)
    for index in range(len(names)):
        _count_column(features[:, index], edges[index], counts[index])
    _count_column(scores, edges[-1], counts[-1])
    return Profile(names, edges, counts)


@njit(cache=True)
def _count_column(values, edges, counts):  # noqa: ANN001, ANN202 - Numba infers them
    for value in values:
        if np.isnan(value):
            counts[-1] += 1
        else:
            counts[np.searchsorted(edges, value)] += 1
