"""The profile of a window: counts that add up over windows, shards and machines."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import DataError, IntegrityError
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.counting import count
from sluice.monitors.usual.edges import BINS, SAMPLE, reference_edges
from sluice.monitors.usual.levels import Dimension

EVERYWHERE = "everywhere"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Binning:
    """How rows are counted; travels with a release, for counts mean something only in their bins."""

    names: tuple[str, ...]
    edges: NDArray[np.float32]
    """[columns, EDGES]."""
    dimensions: tuple[Dimension, ...]

    @classmethod
    def learn(cls, windows: Sequence[Watched]) -> Self:
        """Edges from a sample of all windows' rows, levels from all of them; at least one window."""
        step = max(1, sum(entry.rows for entry in windows) // SAMPLE)
        sample = np.concatenate([entry.values[::step] for entry in windows])
        dimensions = tuple(
            Dimension.learn(name, pl.concat([entry.segments[name] for entry in windows]))
            for name in sorted(windows[0].segments)
        )
        return cls(windows[0].names, reference_edges(sample), dimensions)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all groups: everywhere, then `dimension=level` in the order of their codes."""
        levels = (
            f"{dimension.name}={label}"
            for dimension in self.dimensions
            for label in dimension.labels
        )
        return (EVERYWHERE, *levels)

    @property
    def dimension_of(self) -> NDArray[np.int64]:
        """Which dimension each group cuts by, [groups]: 0 everywhere, then 1 upward."""
        sizes = [len(dimension.labels) for dimension in self.dimensions]
        return np.repeat(np.arange(len(sizes) + 1), [1, *sizes])

    def same_as(self, other: "Binning") -> bool:
        """Whether counts of both may be added."""
        return (
            self.names == other.names
            and self.dimensions == other.dimensions
            and np.array_equal(self.edges, other.edges)
        )


@dataclass(frozen=True, eq=False)
class Profile:
    """One window's counts; profiles in one binning add up, in any order."""

    binning: Binning
    counts: NDArray[np.int64]
    """[groups, columns, BINS]; the first group is everywhere."""
    requests: int

    @classmethod
    def of(cls, binning: Binning, watched: Watched) -> Self:
        """Count a window.

        Raises:
            DataError: it has other columns than the reference.
        """
        if watched.names != binning.names:
            raise DataError(
                f"Cannot compare a window of {len(watched.names)} columns with a reference of "
                f"{len(binning.names)}: they are not the same; learn the usual again"
            )
        if not binning.dimensions:
            codes, groups = np.zeros((watched.rows, 1), np.int32), 1
        else:
            codes, groups = watched.codes(binning.dimensions), len(binning.groups) - 1
        counted = count(watched.values, binning.edges, codes, groups).astype(np.int64)
        if not binning.dimensions:
            return cls(binning, counted, watched.requests)
        whole = counted[: len(binning.dimensions[0].labels)].sum(axis=0, keepdims=True)
        return cls(binning, np.concatenate([whole, counted]), watched.requests)

    @property
    def rows(self) -> int:
        return int(self.counts[0, 0].sum())

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of every group."""
        return self.counts[:, 0].sum(axis=1)

    def merge(self, other: "Profile") -> "Profile":
        """Both windows' rows together.

        Raises:
            DataError: they were not counted in the same bins.
        """
        if not self.binning.same_as(other.binning):
            raise DataError(
                "Cannot merge profiles because they were counted in different bins; count both "
                "against one reference"
            )
        requests = self.requests + other.requests
        return Profile(self.binning, self.counts + other.counts, requests)

    def encoded(self) -> bytes:
        """A NumPy archive without objects; the same profile gives the same bytes."""
        about = {
            "format": FORMAT,
            "names": self.binning.names,
            "dimensions": [
                [entry.name, entry.known, entry.told_apart]
                for entry in self.binning.dimensions
            ],
            "requests": self.requests,
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            edges=self.binning.edges,
            counts=self.counts,
        )
        return buffer.getvalue()

    @classmethod
    def decoded(cls, content: bytes, source: str) -> Self:
        """Read what `encoded` wrote; `source` names it in messages.

        Raises:
            IntegrityError: it is cut short, no profile, or of another format.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                about = json.loads(stored["about"].tobytes())
                edges, counts = stored["edges"], stored["counts"]
            if about["format"] != FORMAT:
                raise IntegrityError(
                    f"Cannot read {source} because it is of format {about['format']}, not {FORMAT}"
                )
            dimensions = tuple(
                Dimension(name, tuple(valued), tuple(apart))
                for name, valued, apart in about["dimensions"]
            )
            binning = Binning(tuple(about["names"]), edges, dimensions)
            profile = cls(binning, counts, int(about["requests"]))
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
            raise IntegrityError(
                f"Cannot read {source} because it is no profile, or a damaged one: {error}"
            ) from error
        expected = (len(binning.groups), len(binning.names), BINS)
        if counts.shape != expected:
            raise IntegrityError(
                f"Cannot read {source} because its counts are {counts.shape}, expected {expected}"
            )
        return profile


def merged(profiles: Sequence[Profile]) -> Profile:
    """All windows' rows together; at least one."""
    return reduce(Profile.merge, profiles)
