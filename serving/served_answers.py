"""What the prediction log holds of a window: whose answers they are, and what came before them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.digest import json_digest
from sluice.serving.prediction_batch import typed_rows
from sluice.serving.prediction_reader import read_predictions
from sluice.serving.recomputation import LoggedAnswer, Passed

_DAY = 86_400_000_000
_PLACE = ("process", "sequence", "release", "arm", "ts", "feed_position")
_LIFE = ("process", "arm", "life")


@dataclass(frozen=True)
class Group:
    """Answers from one state: of one release, from its coming into service in a process on."""

    release: str
    process: str
    earlier: tuple[Passed, ...]
    """What it was asked before the window, for that moved its state on."""
    rows: pl.DataFrame
    """The answers, by sequence."""

    @property
    def times(self) -> NDArray[np.int64]:
        """[answers] µs."""
        return self.rows["ts"].dt.timestamp("us").to_numpy()

    @property
    def position(self) -> int:
        """Newest batch before its earliest request."""
        return self.earlier[0].position if self.earlier else self.rows["feed_position"][0]

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

    def groups(self, earlier: pl.DataFrame) -> tuple[Group, ...]:
        """The answers by the states that gave them; a release that comes back has another state.

        Args:
            earlier: places of what was answered before, as `earlier_places` gives them.
        """
        places = pl.concat([earlier, self.frame.select(_PLACE)]).sort("process", "sequence")
        before = pl.col("release").shift().over("process", "arm")
        filled = (pl.col("release") != before).fill_null(value=False)
        lives = places.with_columns(
            filled.cum_sum().over("process", "arm").alias("life")
        ).partition_by(_LIFE, as_dict=True, maintain_order=True)
        rows = self.frame.sort("sequence")
        spans = (
            _group(str(process), own, rows)
            for (process, *_), own in sorted(lives.items(), key=lambda life: life[0])
        )
        return tuple(span for span in spans if len(span.rows))


def newest_answer(folder: Path, now: int) -> int | None:
    """µs: the time of the newest request that was answered; None where none is logged.

    Args:
        folder: of the surface.
        now: µs; most newest answers are of the last two days, and of others all files are read.
    """
    for since in (now - 2 * _DAY, None):
        times = read_predictions(folder, since).frame["ts"]
        if len(times):
            return int(times.dt.timestamp("us").to_numpy().max())
    return None


def earlier_places(
    folder: Path, processes: pl.Series, since: int, start: int
) -> pl.DataFrame:
    """Where some processes' answers stand that were given from `since` (µs) up to `start`.

    A day at a time, for no more is kept of an answer than its place.
    """
    parts = [read_predictions(folder, 0, 0).frame.select(_PLACE)]
    for day in range(since, start, _DAY):
        frame = read_predictions(folder, day, min(day + _DAY, start)).frame
        parts.append(
            frame.filter(pl.col("process").is_in(processes.implode())).select(_PLACE)
        )
    return pl.concat(parts)


def _group(process: str, places: pl.DataFrame, rows: pl.DataFrame) -> Group:
    """Of one life; `rows` are all answers of the window, by sequence."""
    own = rows.join(
        places.select("process", "sequence"), on=("process", "sequence"), how="semi",
        maintain_order="left",
    )  # fmt: skip
    first = own["sequence"][0] if len(own) else None
    before = places.filter(pl.col("sequence") < first) if len(own) else places.clear()
    passed = zip(
        before["ts"].dt.timestamp("us").to_list(),
        before["feed_position"].to_list(),
        strict=True,
    )
    return Group(
        places["release"][0], process, tuple(Passed(*fields) for fields in passed), own
    )
