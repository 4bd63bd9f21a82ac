"""Reading the prediction log back, with what is missing from it."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.errors import IntegrityError
from sluice.serving.prediction import Prediction
from sluice.serving.prediction_batch import SCHEMA, typed_rows
from sluice.serving.prediction_files import LogFile, Tally, log_files, tally_of
from sluice.serving.prediction_segment import PARQUET, Span, abandoned, frames

OLDEST, NEWEST = -(2**63) + 1, 2**63 - 1


@dataclass(frozen=True)
class PredictionsRead:
    """Predictions of a folder, by hour, process and sequence."""

    frame: pl.DataFrame
    """One row a prediction, in the layout of `prediction_batch.SCHEMA`, with its `process`."""
    missing: int
    """Gaps in the sequence numbers: dropped, or lost when a process was killed, whether their times
    were asked for or not. What such a process accepted after its last write leaves no gap."""
    torn: int
    """Last batches that killed processes left unfinished."""

    @cached_property
    def predictions(self) -> tuple[Prediction, ...]:
        """All of them as values; a day's are better read by column."""
        return tuple(typed_rows(self.frame))


def read_predictions(
    folder: Path, since: int | None = None, until: int | None = None
) -> PredictionsRead:
    """Read sealed files and segments, those in use included; none where there is no folder.

    Args:
        folder: of the surface.
        since: µs since the epoch; predictions of requests at or after it.
        until: µs since the epoch; predictions of requests before it.

    Raises:
        IntegrityError: a file is damaged; names it.
    """
    tables: list[pa.Table] = [_of_process(SCHEMA.empty_table(), "")]
    tallies: dict[str, list[tuple[Span, Tally]]] = defaultdict(list)
    low = OLDEST if since is None else since
    high = NEWEST if until is None else until
    for file in log_files(folder):
        for tally, table in _read(file, low, high):
            tallies[file.span.process].append((file.span, tally))
            tables.append(_of_process(table, file.span.process))
    missing = sum(_missing(files) for files in tallies.values())
    torn = sum(tally.torn for files in tallies.values() for _, tally in files)
    return PredictionsRead(pl.DataFrame(pa.concat_tables(tables)), missing, torn)


def _of_process(table: pa.Table, process: str) -> pa.Table:
    return table.append_column("process", pa.repeat(process, len(table)))


def _read(file: LogFile, low: int, high: int) -> Iterator[tuple[Tally, pa.Table]]:
    """One file; nothing where retention has deleted it since it was listed."""
    if not file.sealed:
        try:
            segment = file.path.open("rb")
        except FileNotFoundError:
            pass  # It has been sealed since it was listed.
        else:
            with segment:
                yield _read_segment(segment, low, high)
            return
    with suppress(FileNotFoundError):
        yield _read_sealed(file.path.with_suffix(PARQUET), low, high)


def _read_sealed(path: Path, low: int, high: int) -> tuple[Tally, pa.Table]:
    with path.open("rb") as opened:
        try:
            parquet = pq.ParquetFile(opened)
            groups = [
                number
                for number in range(parquet.num_row_groups)
                if _may_hold(parquet, number, low, high)
            ]
            return tally_of(parquet), _within(parquet.read_row_groups(groups), low, high)
        except (pa.ArrowException, IntegrityError, TypeError) as error:
            raise IntegrityError(
                f"{path.name} is no file of predictions: {error}"
            ) from error


def _may_hold(parquet: pq.ParquetFile, group: int, low: int, high: int) -> bool:
    column = parquet.metadata.row_group(group).column(SCHEMA.get_field_index("ts"))
    if not column.is_stats_set:
        return True
    return _micros(column.statistics.max) >= low and _micros(column.statistics.min) < high


def _micros(at: datetime) -> int:
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _read_segment(segment: BinaryIO, low: int, high: int) -> tuple[Tally, pa.Table]:
    live = not abandoned(segment.fileno())
    whole = list(frames(segment))
    rest = os.fstat(segment.fileno()).st_size - (whole[-1].end if whole else 0)
    table = pa.Table.from_batches([frame.batch for frame in whole], SCHEMA)
    numbers = table["sequence"]
    last = numbers[-1].as_py() if whole else 0
    tally = Tally(
        rows=table.num_rows,
        first=numbers[0].as_py() if whole else 0,
        last=last,
        # What a process that lives has accepted beyond its last write is on its way.
        accepted=whole[-1].accepted if whole and not live else last,
        torn=int(rest > 0 and not live),
    )
    return tally, _within(table, low, high)


def _within(table: pa.Table, low: int, high: int) -> pa.Table:
    if (low, high) == (OLDEST, NEWEST):
        return table
    at = table["ts"].cast(pa.int64()).to_numpy()
    return table.filter(pa.array((at >= low) & (at < high)))


def _missing(files: Iterable[tuple[Span, Tally]]) -> int:
    """Numbers that are in no file of one process.

    Where its first files were deleted for their age, nothing is said of their numbers.
    """
    filled = sorted(
        ((span, tally) for span, tally in files if tally.rows),
        key=lambda numbered: numbered[0].number,
    )
    if not filled:
        return 0
    tallies = [tally for _, tally in filled]
    within = sum(tally.last - tally.first + 1 - tally.rows for tally in tallies)
    between = sum(after.first - before.last - 1 for before, after in pairwise(tallies))
    start = tallies[0].first - 1 if filled[0][0].number == 1 else 0
    return start + within + between + tallies[-1].accepted - tallies[-1].last
