"""The fast way to read events: typed rows, then a column at a time.

It takes a body only if it is sure that reading its rows one by one would take all of them and give
the same frames. Whatever it is not sure of, it leaves to that.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from sluice.data.frames import empty_frame
from sluice.data.limits import FLOAT32_MAX, MAX_ID_CHARACTERS
from sluice.data.schema import TABLES, TIMESTAMP
from sluice.serving.body_rows import INT32, series
from sluice.serving.event_columns import (
    MAX_CONTEXT_COLUMNS,
    MAX_EMBEDDING,
    Column,
    Kind,
    columns,
    context_column,
    is_context,
    received_by,
)
from sluice.serving.port import EventRows
from sluice.serving.times import EARLIEST, LATEST, RFC_3339

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
_Float32 = Annotated[float, msgspec.Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
_TYPES: dict[Kind, Any] = {
    Kind.TEXT: _Text,
    Kind.TIME: int | str,
    Kind.INTEGER: Annotated[int, msgspec.Meta(ge=INT32[0], le=INT32[1])],
    Kind.NUMBER: float,
    Kind.FLOAT32: _Float32,
    Kind.VECTOR: Annotated[list[_Float32], msgspec.Meta(max_length=MAX_EMBEDDING)],
}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_QUOTE = ord('"')


def typed_rows(body: bytes, now: int) -> EventRows | None:
    """The rows of a body; None where it must be read row by row."""
    if b"\\" in body:  # an escape may hide a key that is given twice
        return None
    content = _decode(body)
    if content is None:
        return None
    frames: dict[str, pl.DataFrame] = {}
    texts = 0
    for table in TABLES:
        rows = getattr(content, table)
        if rows is msgspec.UNSET:
            frames[table] = empty_frame(table)
            continue
        fields = rows[0].__struct_fields__ if rows else ()
        context = tuple(sorted(name for name in fields if is_context(table, name)))
        read = _Columns(table, rows, context)
        frame = read.frame(now)
        if frame is None:
            return None
        frames[table] = frame
        texts += 1 + read.texts
    if texts * 2 != np.count_nonzero(np.frombuffer(body, np.uint8) == _QUOTE):
        return None  # a key is given twice: every key and every text has two quotes
    return EventRows(
        frames, {table: range(frame.height) for table, frame in frames.items()}, ()
    )


class _Columns:
    """The columns of one table, read one after the other."""

    def __init__(self, table: str, rows: Sequence[Any], context: Sequence[str]) -> None:
        self.texts = 0
        """Keys and texts in the rows."""
        self._table, self._rows = table, rows
        self._columns = (*columns(table), *map(context_column, context))

    def frame(self, now: int) -> pl.DataFrame | None:
        read: list[pl.Series] = []
        for column in self._columns:
            values = self._values(column)
            if values is None:
                return None
            read.append(values)
        frame = pl.DataFrame(read)
        return received_by(frame, now) if self._table == "feedback" else frame

    def _values(self, column: Column) -> pl.Series | None:
        name, unset = column.name, msgspec.UNSET
        values = [getattr(row, name) for row in self._rows]
        absent = values.count(unset)
        self.texts += len(values) - absent
        if absent == len(values):
            values = [None] * absent
        elif absent:
            values = [None if value is unset else value for value in values]
        if column.kind is Kind.TIME:
            return self._times(column, values)
        if column.kind is Kind.TEXT:
            self.texts += len(values) - values.count(None)
        return series(column, values)

    def _times(self, column: Column, values: list[Any]) -> pl.Series | None:
        """µs; None where one is no time, or some are numbers and others texts."""
        first = next((value for value in values if value is not None), None)
        try:
            if isinstance(first, str):
                self.texts += len(values) - values.count(None)
                times = _from_text(values)
            else:
                times = pl.Series(column.name, values, pl.Int64)
        except (TypeError, OverflowError, pa.ArrowException, pl.exceptions.PolarsError):
            return None
        if times is None or not times.is_between(EARLIEST, LATEST).all():
            return None
        return times.alias(column.name).cast(column.dtype)


def _from_text(values: list[Any]) -> pl.Series | None:
    """µs; Arrow's parser takes less than RFC 3339 allows, and what else it takes is refused here."""
    texts = pa.array(values, pa.string())
    if not pl.Series(texts).str.contains(RFC_3339).all():
        return None
    return pl.Series(texts.cast(TIMESTAMP).cast(pa.int64()))


def _decode(body: bytes) -> Any | None:
    """Typed rows; context columns are those of the first row, so a body costs one look more."""
    try:
        return _decoder(()).decode(body)
    except _UNREADABLE:
        pass
    try:
        raw = _RAW.decode(body)
        first = _FIRST.decode(raw.exposures[0]) if raw.exposures else {}
        context = tuple(sorted(name for name in first if is_context("exposures", name)))
        if not 0 < len(context) <= MAX_CONTEXT_COLUMNS:
            return None
        return _decoder(context).decode(body)
    except _UNREADABLE:
        return None


class _RawBody(msgspec.Struct):
    exposures: list[msgspec.Raw] = []


_RAW = msgspec.json.Decoder(_RawBody)
_FIRST = msgspec.json.Decoder(dict[str, msgspec.Raw])


@lru_cache(maxsize=16)
def _decoder(context: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    tables = [
        (
            table,
            list[_struct(table, context if table == "exposures" else ())]
            | msgspec.UnsetType,
            msgspec.UNSET,
        )
        for table in TABLES
    ]
    return msgspec.json.Decoder(
        msgspec.defstruct("Events", tables, forbid_unknown_fields=True)
    )


def _struct(table: str, context: tuple[str, ...]) -> type[msgspec.Struct]:
    required, optional = [], []
    for column in (*columns(table), *map(context_column, context)):
        kind = _TYPES[column.kind]
        if column.required:
            required.append((column.name, kind))
        else:
            allowed = kind | None | msgspec.UnsetType
            optional.append((column.name, allowed, msgspec.UNSET))
    return msgspec.defstruct(
        table.capitalize(), [*required, *optional], gc=False, forbid_unknown_fields=True
    )
