"""One process's predictions of one hour, as they are appended: frames that a kill cannot break.

A frame is a header and a zstd'd Arrow stream of one batch, written at once. A process holds an
exclusive flock on the segment that it appends to; where it can be taken, its writer is gone.
"""

import fcntl
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa

from sluice.errors import IntegrityError
from sluice.serving.prediction_batch import SCHEMA

SEGMENT = ".segment"
PARQUET = ".parquet"
_HEADER = struct.Struct("<4sIIQI")
"""Magic, bytes of the payload, bytes once inflated, predictions accepted by then, CRC-32."""
_MAGIC = b"SPL1"
_LARGEST = 1 << 31
_STEM = re.compile(r"(\d{8}T\d{2})-(\d+-[0-9a-f]+)-(\d+)")
_HOUR = "%Y%m%dT%H"


@dataclass(frozen=True, order=True)
class Span:
    """Whose predictions of which hour a file holds; files of one process are numbered from 1."""

    hour: datetime
    process: str
    number: int

    @classmethod
    def of(cls, name: str) -> Self | None:
        """What a file's name says; None where it is no file of the log."""
        stem, _, suffix = name.partition(".")
        parts = _STEM.fullmatch(stem)
        if parts is None or f".{suffix}" not in (SEGMENT, PARQUET):
            return None
        hour = datetime.strptime(parts[1], _HOUR).replace(tzinfo=UTC)
        return cls(hour, parts[2], int(parts[3]))

    @property
    def stem(self) -> str:
        return f"{self.hour.strftime(_HOUR)}-{self.process}-{self.number}"


@dataclass(frozen=True)
class Frame:
    """One batch as it lies in a segment."""

    batch: pa.RecordBatch
    accepted: int
    """Predictions that the process had accepted when it wrote this."""
    start: int
    end: int
    """Bytes of the file; the next frame starts at `end`."""


class Segment:
    """A segment open for appending, and locked as long as it is."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            OSError: it cannot be opened.
        """
        self.path = path
        self._handle = _locked(path)
        self.size = os.fstat(self._handle).st_size

    def append(self, content: bytes) -> None:
        """Append all or nothing.

        Raises:
            OSError: there was no room for all; what was written of it is taken back.
        """
        written = 0
        try:
            written = os.write(self._handle, content)
        finally:
            if written != len(content):
                os.ftruncate(self._handle, self.size)
        if written != len(content):
            raise OSError(f"{self.path.name}: {written} of {len(content)} bytes written")
        self.size += written

    def close(self) -> None:
        os.close(self._handle)


def _locked(path: Path) -> int:
    """A handle of a file that is ours alone, and still has its name.

    Between the opening and the lock another process may have taken the empty file for one that a
    killed process left, and have removed it.
    """
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if is_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(handle)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def abandoned(handle: int) -> bool:
    """Take the lock of an open segment, if nobody holds it; closing the handle gives it back."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def framed(batch: pa.RecordBatch, accepted: int) -> bytes:
    """A batch as one frame."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as stream:
        stream.write_batch(batch)
    raw = sink.getvalue()
    payload = pa.compress(raw, codec="zstd", asbytes=True)
    assert isinstance(payload, bytes)  # noqa: S101 - narrows the union for the type checker
    sizes = (len(payload), raw.size, accepted)
    return _HEADER.pack(_MAGIC, *sizes, _crc(payload, *sizes)) + payload


def frames(file: BinaryIO, offset: int = 0) -> Iterator[Frame]:
    """Whole frames from `offset` on; stops where the rest is none that is finished.

    Raises:
        IntegrityError: a frame that is followed by others is damaged.
    """
    end = os.fstat(file.fileno()).st_size
    while offset + _HEADER.size <= end:
        file.seek(offset)
        magic, size, raw_size, accepted, crc = _HEADER.unpack(file.read(_HEADER.size))
        after = offset + _HEADER.size + size
        if magic != _MAGIC or raw_size > _LARGEST:
            raise IntegrityError(f"{Path(file.name).name}: no frame at byte {offset}")
        if after > end:
            return
        payload = file.read(size)
        if crc != _crc(payload, size, raw_size, accepted):
            if after == end:
                return
            raise IntegrityError(
                f"{Path(file.name).name}: the frame at byte {offset} is damaged"
            )
        yield Frame(_batch(payload, raw_size), accepted, offset, after)
        offset = after


def _batch(payload: bytes, raw_size: int) -> pa.RecordBatch:
    raw = pa.decompress(payload, decompressed_size=raw_size, codec="zstd")
    with pa.ipc.open_stream(raw) as stream:
        return stream.read_next_batch()


def _crc(payload: bytes, size: int, raw_size: int, accepted: int) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<IIQ", size, raw_size, accepted)))
