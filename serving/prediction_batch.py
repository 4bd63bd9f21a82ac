"""Predictions as columns: the one layout of the log's segments, its Parquet and its readers."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from sluice.data.schema import TIMESTAMP
from sluice.serving.prediction import Prediction

_PLAIN = (
    "request_id", "ts", "user_id", "release", "features_digest", "features", "feed_position",
    "state_clock", "unknown_items", "unknown_user", "degraded", "arm",
)  # fmt: skip
_LISTS = {
    "candidates": pa.string(),
    "scores": pa.float64(),
    "order": pa.int32(),
    "propensities": pa.float64(),
}
ONE_FOR_ALL = 0
"""In `context_sizes`: one value stands for all candidates; else there are so many, one each."""

SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("ts", TIMESTAMP, nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        *(pa.field(name, pa.list_(kind), nullable=False) for name, kind in _LISTS.items()),
        pa.field("release", pa.string(), nullable=False),
        pa.field("features_digest", pa.string(), nullable=False),
        pa.field("context_names", pa.list_(pa.string()), nullable=False),
        pa.field("context_sizes", pa.list_(pa.int32()), nullable=False),
        pa.field("context_values", pa.list_(pa.float64()), nullable=False),
        pa.field("features", pa.binary()),
        pa.field("feed_position", pa.int64(), nullable=False),
        pa.field("state_clock", pa.int64(), nullable=False),
        pa.field("unknown_items", pa.int32(), nullable=False),
        pa.field("unknown_user", pa.bool_(), nullable=False),
        pa.field("degraded", pa.bool_(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
    ]
)
"""A context value of name i takes `context_sizes[i] or 1` places of `context_values`, in turn."""


def batch_of(sequences: Sequence[int], predictions: Sequence[Prediction]) -> pa.RecordBatch:
    """Columns of some predictions, each with its number in the process that answered."""
    columns: dict[str, pa.Array] = {"sequence": pa.array(sequences, pa.int64())}
    for name in _PLAIN:
        values = [getattr(prediction, name) for prediction in predictions]
        columns[name] = pa.array(values, SCHEMA.field(name).type)
    for name, kind in _LISTS.items():
        columns[name] = _list_array(
            [getattr(prediction, name) for prediction in predictions], kind
        )
    contexts = [prediction.context for prediction in predictions]
    columns["context_names"] = _list_array(
        [tuple(context) for context in contexts], pa.string()
    )
    sizes = [tuple(_size(value) for value in context.values()) for context in contexts]
    columns["context_sizes"] = _list_array(sizes, pa.int32())
    values = [_flat(context.values()) for context in contexts]
    columns["context_values"] = _list_array(values, pa.float64())
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in SCHEMA.names], schema=SCHEMA
    )


def typed_rows(table: pa.Table | pl.DataFrame) -> Iterator[Prediction]:
    """Predictions out of columns of this layout, row by row."""
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    # Out of Arrow a timestamp would become a datetime; its number is what a prediction holds.
    for row in frame.with_columns(pl.col("ts").dt.timestamp("us")).iter_rows(named=True):
        yield _typed(row)


def _typed(row: dict[str, Any]) -> Prediction:
    fields: dict[str, Any] = {name: row[name] for name in _PLAIN}
    fields |= {name: tuple(row[name]) for name in _LISTS}
    context = _context(row["context_names"], row["context_sizes"], row["context_values"])
    return Prediction(**fields, context=context)


def _context(
    names: Sequence[str], sizes: Sequence[int], values: Sequence[float]
) -> dict[str, float | tuple[float, ...]]:
    context: dict[str, float | tuple[float, ...]] = {}
    place = 0
    for name, size in zip(names, sizes, strict=True):
        if size == ONE_FOR_ALL:
            context[name] = values[place]
        else:
            context[name] = tuple(values[place : place + size])
        place += size or 1
    return context


_NUMPY = {pa.float64(): np.float64, pa.float32(): np.float32, pa.int32(): np.int32}
"""PyArrow would look into pandas for it, which serving processes do without."""


def _list_array(rows: Sequence[Sequence[Any]], kind: pa.DataType) -> pa.ListArray:
    """Rows of lists; through one flat array, at half of what nested lists cost pyarrow."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    flat: Iterator[Any] = chain.from_iterable(rows)
    if kind == pa.string():
        values = pa.array(list(flat), kind)
    else:
        values = pa.array(np.fromiter(flat, _NUMPY[kind], int(offsets[-1])))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _size(value: float | Sequence[float]) -> int:
    return len(value) if isinstance(value, Sequence) else ONE_FOR_ALL


def _flat(values: Any) -> tuple[float, ...]:
    return tuple(
        chain.from_iterable(
            value if isinstance(value, Sequence) else (value,) for value in values
        )
    )
