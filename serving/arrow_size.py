"""How large the record batches of an Arrow IPC stream become, before anything is unpacked.

Compressed buffers begin with the length that they have unpacked, and Arrow allocates that much on
its word. It stands in no Python interface, so the message's own table is read here: see
https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
"""

import struct
from dataclasses import dataclass

import pyarrow as pa

_HEADER, _LENGTH, _BUFFERS, _COMPRESSION = 2, 0, 2, 3
"""Slots of the fields in their flatbuffers tables."""
_PREFIX = 8
"""Bytes of the length before a compressed buffer; -1 where it is not compressed after all."""


class NotABatch(ValueError):
    """The message's table does not describe its body."""


@dataclass(frozen=True)
class BatchSize:
    """What one record batch becomes."""

    rows: int
    unpacked: int
    """Bytes."""


def batch_size(message: pa.Message) -> BatchSize:
    """What a message of a record batch becomes.

    Raises:
        NotABatch: its table does not describe its body.
    """
    table, body = memoryview(message.metadata), memoryview(message.body or b"")
    try:
        batch = _offset(table, _required(table, _root(table), _HEADER))
        length = _field(table, batch, _LENGTH)
        rows = 0 if length is None else _read("<q", table, length)
        compressed = _field(table, batch, _COMPRESSION) is not None
        unpacked = sum(
            _unpacked(body, offset, size, compressed=compressed)
            for offset, size in _buffers(table, batch)
        )
    except (struct.error, IndexError) as error:
        raise NotABatch from error
    if rows < 0:
        raise NotABatch
    return BatchSize(rows, unpacked)


def _unpacked(body: memoryview, offset: int, size: int, *, compressed: bool) -> int:
    if offset < 0 or size < 0 or offset + size > len(body):
        raise NotABatch
    if not compressed or size == 0:
        return size
    if size < _PREFIX:
        raise NotABatch
    unpacked = _read("<q", body, offset)
    if unpacked < -1:
        raise NotABatch
    return size if unpacked == -1 else unpacked


def _buffers(table: memoryview, batch: int) -> list[tuple[int, int]]:
    place = _field(table, batch, _BUFFERS)
    if place is None:
        return []
    vector = _offset(table, place)
    count = _read("<I", table, vector)
    if vector + 4 + 16 * count > len(table):
        raise NotABatch
    return [struct.unpack_from("<qq", table, vector + 4 + 16 * nth) for nth in range(count)]


def _root(table: memoryview) -> int:
    return _offset(table, 0)


def _required(table: memoryview, place: int, slot: int) -> int:
    field = _field(table, place, slot)
    if field is None:
        raise NotABatch
    return field


def _field(table: memoryview, place: int, slot: int) -> int | None:
    """Where a field stands; None where it has its default."""
    layout = place - _read("<i", table, place)
    within = 4 + 2 * slot
    if within >= _read("<H", table, layout):
        return None
    relative = _read("<H", table, layout + within)
    return place + relative if relative else None


def _offset(table: memoryview, place: int) -> int:
    return place + _read("<I", table, place)


def _read(form: str, table: memoryview, place: int) -> int:
    if place < 0:  # Python would count from the end
        raise NotABatch
    return struct.unpack_from(form, table, place)[0]
