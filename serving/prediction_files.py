"""The files of a prediction log: sealing what nobody writes to any more, and what has to go."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.data.atomic import sync_folder
from sluice.errors import IntegrityError
from sluice.serving.prediction_batch import SCHEMA
from sluice.serving.prediction_segment import (
    PARQUET,
    SEGMENT,
    Span,
    abandoned,
    frames,
    is_at,
)

_LOG = logging.getLogger(__name__)

_ROWS = 500
"""Of one row group: what is held in memory while a segment is sealed, and while it is read."""
_WRITING: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": [
        "candidates.list.element", "context_names.list.element", "user_id", "release", "arm",
    ],
}  # fmt: skip
_GRANT = 4_000_000
"""Bytes that may be written between two looks at what the folder holds."""
_UNSEALED = ".sealing"
_TALLY = b"sluice.tally"


@dataclass(frozen=True)
class Tally:
    """What a file says of the predictions that its process numbered."""

    rows: int
    first: int
    """Smallest number; 0 where there are no rows."""
    last: int
    accepted: int
    """By the process, when it wrote the last of them."""
    torn: int
    """1 where a killed process left its last frame unfinished."""


@dataclass(frozen=True)
class LogFile:
    """One file of a log's folder."""

    span: Span
    path: Path
    size: int

    @property
    def sealed(self) -> bool:
        return self.path.suffix == PARQUET


def log_files(folder: Path) -> list[LogFile]:
    """Files by hour, process and number; of one that is just being sealed, the sealed one."""
    files: dict[Span, LogFile] = {}
    for file in _every_file(folder):
        if file.span not in files or file.sealed:
            files[file.span] = file
    return [files[span] for span in sorted(files)]


def _every_file(folder: Path) -> list[LogFile]:
    """Regular files of the log alone: opening a pipe of that name would wait for ever."""
    files = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if (span := Span.of(entry.name)) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    files.append(LogFile(span, Path(entry.path), entry.stat().st_size))
    return files


def tally_of(parquet: pq.ParquetFile) -> Tally:
    """What the sealed file says of itself.

    Raises:
        IntegrityError: it says nothing: it is no file of the log.
    """
    metadata = parquet.metadata.metadata or {}
    if _TALLY not in metadata:
        raise IntegrityError("a Parquet file among the predictions is none of the log's")
    return Tally(**json.loads(metadata[_TALLY]))


def seal(path: Path) -> bool:
    """Turn a segment whose writer is gone into Parquet; False where somebody has it in hand.

    The Parquet appears whole, and only then the segment goes; a kill in between leaves both, and
    the sealed one counts. Several processes may try at once.

    Raises:
        IntegrityError: a frame is damaged; the segment stays as it is.
        OSError: there is no room, or no right, to write; the segment stays as it is.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with closing(file):
        if not abandoned(file.fileno()) or not is_at(file.fileno(), path):
            return False
        sealed = path.with_suffix(PARQUET)
        if os.fstat(file.fileno()).st_size and not sealed.exists():
            unsealed = path.with_name(f".{path.stem}{_UNSEALED}")
            try:
                _write_parquet(file.fileno(), path, unsealed)
                unsealed.rename(sealed)
            finally:
                unsealed.unlink(missing_ok=True)
            sync_folder(path.parent)
        path.unlink()
    return True


def _write_parquet(handle: int, path: Path, into: Path) -> None:
    rows, first, last, accepted, end = 0, 0, 0, 0, 0
    out = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with path.open("rb") as file, os.fdopen(out, "wb") as sink:
        with pq.ParquetWriter(sink, SCHEMA, **_WRITING) as writer:
            waiting: list[pa.RecordBatch] = []
            for frame in frames(file):
                rows, end, accepted = rows + frame.batch.num_rows, frame.end, frame.accepted
                first = first or frame.batch["sequence"][0].as_py()
                last = frame.batch["sequence"][-1].as_py()
                waiting.append(frame.batch)
                if sum(batch.num_rows for batch in waiting) >= _ROWS:
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting.clear()
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))
            torn = int(end != os.fstat(handle).st_size)
            tally = Tally(rows, first, last, accepted, torn)
            writer.add_key_value_metadata({_TALLY: json.dumps(vars(tally))})
        sink.flush()
        os.fsync(sink.fileno())


@dataclass(frozen=True)
class Deleted:
    """What has been deleted to keep a folder within its bounds."""

    files: int = 0
    size: int = 0
    """Bytes."""


class Shelf:
    """The folder of a log with its bounds: oldest sealed files go first, segments never.

    Several processes may keep one folder; each counts what it deleted itself.
    """

    def __init__(
        self, folder: Path, max_bytes: int, keep: timedelta, clock: Callable[[], datetime]
    ) -> None:
        """Nothing is looked at before it is asked."""
        self._folder, self._max_bytes, self._keep, self._clock = (
            folder, max_bytes, keep, clock,
        )  # fmt: skip
        self._changing = threading.Lock()
        self._granted = 0
        self.deleted = Deleted()

    def tidy(self) -> None:
        """Seal what nobody writes to any more, and delete what is older than is kept."""
        for file in _every_file(self._folder):
            if not file.sealed:
                _seal_if_possible(file.path)
        self._sweep_leftovers()
        oldest = self._clock() - self._keep
        for file in self._sealed():
            if file.span.hour + timedelta(hours=1) <= oldest:
                self._delete(file)

    def room_for(self, size: int) -> bool:
        """Whether so many bytes more stay within the cap, after deleting what may be deleted.

        The folder is looked at when an eighth of what was free has been granted: what other
        processes write in between can exceed the cap by no more than `_GRANT` each.
        """
        if self._granted < size:
            free = self._free(size)
            if free < size:
                return False
            self._granted = max(size, min(free // 8, _GRANT))
        self._granted -= size
        return True

    def _free(self, wanted: int) -> int:
        """Bytes below the cap; sealed files are deleted, oldest first, until `wanted` are."""
        files = log_files(self._folder)
        free = self._max_bytes - sum(file.size for file in files)
        for file in files:
            if free >= wanted:
                break
            if file.sealed:
                self._delete(file)
                free += file.size
        return free

    def _sealed(self) -> Iterator[LogFile]:
        return (file for file in log_files(self._folder) if file.sealed)

    def _delete(self, file: LogFile) -> None:
        try:
            file.path.unlink()
        except FileNotFoundError:
            return  # Another process of this folder was faster, and counts it.
        with self._changing:
            seen = self.deleted
            self.deleted = Deleted(seen.files + 1, seen.size + file.size)

    def _sweep_leftovers(self) -> None:
        """Half-sealed files of a killed process, whose segment is gone or can be sealed anew."""
        for path in self._folder.glob(f".*{_UNSEALED}"):
            segment = path.with_name(path.name[1 : -len(_UNSEALED)] + SEGMENT)
            if not segment.exists():
                path.unlink(missing_ok=True)


def _seal_if_possible(path: Path) -> None:
    """A segment that cannot be sealed now is readable as it is, and is tried again."""
    try:
        seal(path)
    except (IntegrityError, OSError) as error:
        _LOG.error("prediction log: %s stays unsealed: %s", path.name, error)
