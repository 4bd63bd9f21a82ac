"""What each column of an event may be over HTTP: from the event log's own schema."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache

import polars as pl
import pyarrow as pa

from sluice.data.frames import dtypes
from sluice.data.schema import CONTEXT_PREFIX, TABLES, TIMESTAMP

MAX_CONTEXT_COLUMNS = 64
MAX_EMBEDDING = 4096
CONTEXT_PATTERN = f"^{CONTEXT_PREFIX}[a-z0-9_]{{1,56}}$"

_CONTEXT = re.compile(CONTEXT_PATTERN.replace("$", r"\Z"))

_BY_SERVICE = frozenset({"user_id", "surface", "ts"})
"""Of exposures: known of a request that the service answered."""
_BY_CLOCK = frozenset({"received_ts"})
"""Of feedback: the server's clock at intake."""


class Kind(Enum):
    """What a value is in JSON."""

    TEXT = "text"
    TIME = "time"
    INTEGER = "integer"
    NUMBER = "number"
    FLOAT32 = "float32"
    VECTOR = "vector"


_KINDS = {
    pa.string(): Kind.TEXT,
    TIMESTAMP: Kind.TIME,
    pa.int32(): Kind.INTEGER,
    pa.float64(): Kind.NUMBER,
    pa.float32(): Kind.FLOAT32,
    pa.list_(pa.float32()): Kind.VECTOR,
}


@dataclass(frozen=True)
class Column:
    """One column of one table."""

    name: str
    kind: Kind
    required: bool
    meaning: str
    dtype: pl.DataType


@cache
def columns(table: str) -> tuple[Column, ...]:
    """The declared columns of a table, in the schema's order."""
    return tuple(
        Column(
            field.name,
            _KINDS[field.type],
            not (field.nullable or _may_be_absent(table, field.name)),
            (field.metadata or {}).get(b"meaning", b"").decode(),
            dtypes(table)[field.name],
        )
        for field in TABLES[table]
    )


@cache
def context_column(name: str) -> Column:
    return Column(name, Kind.FLOAT32, required=False, meaning="", dtype=pl.Float32())


def is_context(table: str, name: str) -> bool:
    """Whether a column is a context column, which only exposures have."""
    return table == "exposures" and _CONTEXT.match(name) is not None


def _may_be_absent(table: str, name: str) -> bool:
    if table == "exposures":
        return name in _BY_SERVICE
    return table == "feedback" and name in _BY_CLOCK


def received_by(feedback: pl.DataFrame, now: int) -> pl.DataFrame:
    """Feedback received now, µs since the epoch, where its sender does not say when it was."""
    clock = pl.lit(now, pl.Int64).cast(feedback.schema["received_ts"])
    return feedback.with_columns(pl.col("received_ts").fill_null(clock))
