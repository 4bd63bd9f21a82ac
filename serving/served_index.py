"""Where in the files of a prediction log a request id is, kept up by reading only what is new."""

import logging
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sluice.errors import IntegrityError
from sluice.serving.prediction import Prediction
from sluice.serving.prediction_batch import SCHEMA, typed_rows
from sluice.serving.prediction_files import LogFile, log_files
from sluice.serving.prediction_segment import Span, frames

_LOG = logging.getLogger(__name__)

_IN_MEMORY = 32
"""Batches, of at most some hundred predictions, that stay decoded."""
_COLUMNS = [name for name in SCHEMA.names if name != "features"]


@dataclass(frozen=True)
class _Run:
    """Request ids of some predictions as 64-bit hashes, ascending, and where each lies."""

    hashes: NDArray[np.uint64]
    files: NDArray[np.int32]
    places: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        hashes: NDArray[np.uint64],
        files: NDArray[np.int32],
        places: NDArray[np.int64],
    ) -> "_Run":
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], files[order], places[order])

    def find(self, wanted: NDArray[np.uint64]) -> set[tuple[int, int]]:
        """Files and places where one of the wanted may be."""
        low = np.searchsorted(self.hashes, wanted, "left")
        high = np.searchsorted(self.hashes, wanted, "right")
        return {
            (int(self.files[at]), int(self.places[at]))
            for first, last in zip(low.tolist(), high.tolist(), strict=True)
            for at in range(first, last)
        }


@dataclass
class _Source:
    """A file that has been read up to somewhere."""

    file: LogFile
    number: int
    end: int = 0
    """Bytes of a segment that are indexed; a sealed file is indexed whole."""
    damaged: bool = False


class ServedIndex:
    """Not thread-safe; holds about 20 bytes a prediction of the hours that it looks back."""

    def __init__(self, folder: Path, back: timedelta, most: int = 2_000_000) -> None:
        """An index of nothing.

        Args:
            folder: of a surface's prediction log.
            back: files of hours that ended longer ago are not looked into.
            most: predictions held; beyond it the oldest are forgotten.
        """
        self._folder, self._back, self._most = folder, back, most
        self._sources: dict[Span, _Source] = {}
        self._by_number: dict[int, _Source] = {}
        self._numbers = 0
        self._runs: list[_Run] = []
        self._decoded: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()

    def refresh(self) -> None:
        """Take up what was written since the last time, and let go of what is gone."""
        oldest = datetime.now(UTC) - self._back - timedelta(hours=1)
        files = {
            file.span: file for file in log_files(self._folder) if file.span.hour >= oldest
        }
        for span in self._sources.keys() - files.keys():
            self._drop(span)
        for span, file in files.items():
            source = self._sources.get(span)
            if source and file.sealed and not source.file.sealed:
                self._drop(span)
                source = None
            if source is None:
                source = self._add(file)
            if not source.damaged and (source.end < file.size):
                self._read(source, file)
        if sum(len(run.hashes) for run in self._runs) > self._most:
            self._forget_the_oldest()

    def find(
        self, request_ids: Collection[str], without: str | None
    ) -> dict[str, list[Prediction]]:
        """Predictions with one of these ids, but for those of the process `without`."""
        try:
            return self._find(request_ids, without)
        except FileNotFoundError:  # A segment has been sealed since the last look.
            self.refresh()
            return self._find(request_ids, without)

    def _find(
        self, request_ids: Collection[str], without: str | None
    ) -> dict[str, list[Prediction]]:
        answers: dict[str, list[Prediction]] = {}
        if not request_ids:
            return answers
        for number, place in sorted(self._places(request_ids)):
            source = self._by_number.get(number)
            if source is None or source.file.span.process == without:
                continue
            for prediction in self._matching(source, place, request_ids):
                answers.setdefault(prediction.request_id, []).append(prediction)
        return answers

    def _places(self, request_ids: Collection[str]) -> set[tuple[int, int]]:
        wanted = _hashes(pl.Series(sorted(request_ids), dtype=pl.String))
        return set[tuple[int, int]]().union(*(run.find(wanted) for run in self._runs))

    def _add(self, file: LogFile) -> _Source:
        self._numbers += 1
        source = _Source(file, self._numbers)
        self._sources[file.span] = self._by_number[source.number] = source
        return source

    def _drop(self, span: Span) -> None:
        del self._by_number[self._sources.pop(span).number]

    def _read(self, source: _Source, file: LogFile) -> None:
        try:
            if file.sealed:
                self._read_sealed(source, file)
            else:
                self._read_segment(source, file)
        except FileNotFoundError:
            return  # Sealed or deleted since it was listed; the next look sees which.
        except (IntegrityError, pa.ArrowException) as error:
            source.damaged = True
            _LOG.error("confirmations cannot be held against %s: %s", file.path.name, error)

    def _read_segment(self, source: _Source, file: LogFile) -> None:
        with file.path.open("rb") as segment:
            for frame in frames(segment, source.end):
                self._take_in(source, frame.batch["request_id"], frame.start)
                source.end = frame.end

    def _read_sealed(self, source: _Source, file: LogFile) -> None:
        with pq.ParquetFile(file.path) as parquet:
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=["request_id"])
                self._take_in(source, table["request_id"], group)
        source.end = file.size

    def _take_in(
        self, source: _Source, request_ids: pa.Array | pa.ChunkedArray, place: int
    ) -> None:
        hashes = _hashes(pl.Series(request_ids))
        files = np.full(len(hashes), source.number, np.int32)
        run = _Run.of(hashes, files, np.full(len(hashes), place, np.int64))
        # Like sizes merge with like, so that there are few runs and each row is moved seldom.
        while self._runs and len(self._runs[-1].hashes) <= 2 * len(run.hashes):
            run = self._merged([self._runs.pop(), run])
        self._runs.append(run)

    def _merged(self, runs: list[_Run]) -> _Run:
        """One run of what is still there."""
        hashes = np.concatenate([run.hashes for run in runs])
        files = np.concatenate([run.files for run in runs])
        places = np.concatenate([run.places for run in runs])
        alive = np.isin(files, list(self._by_number))
        return _Run.of(hashes[alive], files[alive], places[alive])

    def _forget_the_oldest(self) -> None:
        run = self._merged(self._runs)
        # Files are numbered as they came up, and places grow within one. An eighth more goes than
        # has to, so that this is seldom.
        along = np.lexsort((run.places, run.files))
        kept = np.sort(along[-(self._most * 7 // 8) :])
        self._runs = [_Run(run.hashes[kept], run.files[kept], run.places[kept])]

    def _matching(
        self, source: _Source, place: int, request_ids: Collection[str]
    ) -> list[Prediction]:
        """Raises FileNotFoundError where the file is not there any more."""
        try:
            table = self._batch(source, place)
        except (IntegrityError, pa.ArrowException) as error:
            _LOG.error("a batch of %s cannot be read: %s", source.file.path.name, error)
            return []
        there = table["request_id"].to_pylist()
        rows = [row for row, name in enumerate(there) if name in request_ids]
        return list(typed_rows(table.take(rows)))

    def _batch(self, source: _Source, place: int) -> pa.Table:
        key = (source.number, place)
        if key not in self._decoded:
            self._decoded[key] = _decode(source.file, place)
            if len(self._decoded) > _IN_MEMORY:
                self._decoded.popitem(last=False)
        self._decoded.move_to_end(key)
        return self._decoded[key]


def _decode(file: LogFile, place: int) -> pa.Table:
    if file.sealed:
        with pq.ParquetFile(file.path) as parquet:
            table = parquet.read_row_group(place, columns=_COLUMNS)
    else:
        with file.path.open("rb") as segment:
            frame = next(frames(segment, place), None)
        if frame is None:
            raise IntegrityError(f"no frame at byte {place} of {file.path.name} any more")
        table = pa.Table.from_batches([frame.batch]).drop_columns(["features"])
    without = pa.nulls(table.num_rows, SCHEMA.field("features").type)
    return table.append_column(SCHEMA.field("features"), without)


def _hashes(request_ids: pl.Series) -> NDArray[np.uint64]:
    return request_ids.hash().to_numpy()
