"""What the prediction log holds of a window: whose answers they are, and what came before them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.prediction_batch import typed_rows
from serving.prediction_reader import read_predictions
from serving.recomputation import LoggedAnswer, Passed
from sluice.data.digest import json_digest

_DAY = 86_400_000_000
_PASSED = ("process", "sequence", "release", "ts", "feed_position")


@dataclass(frozen=True)
class Group:
    """Answers of one release in one process, by sequence."""

    process: str
    earlier: tuple[Passed, ...]
    """What it was asked before the window, for that moved its state on."""
    rows: pl.DataFrame

    @property
    def times(self) -> NDArray[np.int64]:
        """[answers] µs."""
        return self.rows["ts"].dt.timestamp("us").to_numpy()

    @property
    def position(self) -> int:
        """Newest batch before its earliest request."""
        first = self.rows["feed_position"][0]
        return min((first, *(each.position for each in self.earlier[:1])))

    def answers(self) -> Iterator[LoggedAnswer]:
        """One by one: a day of them as values is more than fits into memory."""
        for sequence, prediction in zip(
            self.rows["sequence"], typed_rows(self.rows), strict=True
        ):
            yield LoggedAnswer(self.process, sequence, prediction)


@dataclass(frozen=True)
class ServedAnswers:
    """All answers of a window."""

    frame: pl.DataFrame
    """One row an answer, as the prediction log's reader gives them."""
    lost: int
    """Answers that the log knows it did not keep."""

    @classmethod
    def read(cls, folder: Path, start: int, end: int) -> "ServedAnswers":
        """Of requests asked from `start` (µs) on, before `end`."""
        read = read_predictions(folder, start, end)
        return cls(read.frame, read.missing)

    @property
    def digest(self) -> str:
        """Digest of which answers they are; more of the same window have another."""
        by_process = (
            self.frame.group_by("process", "release")
            .agg(pl.len(), pl.col("sequence").sum().alias("sum"))
            .sort("process", "release")
        )
        return json_digest([list(row) for row in by_process.rows()])

    def releases(self) -> list[str]:
        """In the order in which they first answered."""
        first = self.frame.group_by("release").agg(pl.col("ts").min())
        return first.sort("ts", "release")["release"].to_list()

    def groups(
        self, release: str, earlier: Mapping[str, tuple[Passed, ...]]
    ) -> tuple[Group, ...]:
        """Of one release, a process each.

        Args:
            release: its digest.
            earlier: by process, what it was asked of this release before the window.
        """
        own = self.frame.filter(pl.col("release") == release).sort("process", "sequence")
        by_process = own.partition_by("process", as_dict=True, maintain_order=True)
        return tuple(
            Group(process, earlier.get(process, ()), rows)
            for (process,), rows in by_process.items()
        )


def newest_answer(folder: Path, now: int) -> int | None:
    """µs: the time of the newest request that was answered; None where none is logged.

    Args:
        folder: of the surface.
        now: µs; most newest answers are of the last two days, and of others all files are read.
    """
    for since in (now - 2 * _DAY, None):
        times = read_predictions(folder, since).frame["ts"]
        if len(times):
            return int(times.dt.timestamp("us").max())  # pyright: ignore[reportArgumentType]
    return None


def earlier_requests(
    folder: Path, release: str, since: int, start: int
) -> dict[str, tuple[Passed, ...]]:
    """By process, what it was asked of a release from `since` (µs) up to `start`, by sequence.

    A day at a time, for no more is kept of an answer than its place.
    """
    days = range(since, start, _DAY)
    parts = [
        read_predictions(folder, day, min(day + _DAY, start))
        .frame.filter(pl.col("release") == release)
        .select(_PASSED)
        for day in days
    ]
    if not parts:
        return {}
    rows = pl.concat(parts).sort("process", "sequence")
    by_process = rows.partition_by("process", as_dict=True, maintain_order=True)
    return {
        process: tuple(
            Passed(ts, position)
            for ts, position in zip(
                own["ts"].dt.timestamp("us").to_list(),
                own["feed_position"].to_list(),
                strict=True,
            )
        )
        for (process,), own in by_process.items()
    }
