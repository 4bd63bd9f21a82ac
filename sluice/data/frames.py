"""Polars frames in exactly the declared schemas: checked, ordered, never coerced.

An adapter casts explicitly; whatever reaches `conform` with another type is refused, because a
silent cast turns a drifted source into wrong rows instead of an error.
"""

from collections import Counter
from functools import cache

import polars as pl
import pyarrow as pa

from sluice.data.limits import MAX_ID_CHARACTERS
from sluice.data.schema import CONTEXT_PREFIX, TABLES
from sluice.data.tables import LogTables
from sluice.errors import SchemaError

ORDER = {
    "exposures": ("ts", "request_id"),
    "feedback": ("ts", "user_id", "item_id", "kind", "request_id"),
    "items": ("valid_from", "item_id"),
}
"""Canonical row order; exposures keep the shown order within a request (the sort is stable)."""


@cache
def dtypes(table: str) -> dict[str, pl.DataType]:
    """Polars types of a table's declared columns, in order."""
    empty = pl.from_arrow(TABLES[table].empty_table())
    assert isinstance(empty, pl.DataFrame)  # noqa: S101 - narrows the union for the type checker
    return dict(empty.schema)


@cache
def _columns(table: str) -> list[tuple[str, pl.DataType]]:
    return list(dtypes(table).items())


@cache
def empty_frame(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dtypes(table))


def context_columns(frame: pl.DataFrame) -> list[str]:
    """The `context_*` columns, sorted by name."""
    return sorted(name for name in frame.columns if name.startswith(CONTEXT_PREFIX))


def conform(table: str, frame: pl.DataFrame | pa.Table) -> pl.DataFrame:
    """Check the columns of one table and put them into the declared order.

    Raises:
        SchemaError: a column is missing, extra, duplicated or of another type; names the table
            and the column.
    """
    declared = dtypes(table)
    if isinstance(frame, pl.DataFrame) and list(frame.schema.items()) == _columns(table):
        return frame  # nearly always, where rows come live
    _refuse_duplicates(table, frame)
    checked = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)
    context = context_columns(checked) if table == "exposures" else []
    _refuse_context_names(context)
    _refuse_names(table, set(checked.columns), set(declared) | set(context), set(declared))
    for name, expected in (declared | dict.fromkeys(context, pl.Float32())).items():
        if checked.schema[name] != expected:
            raise SchemaError(
                f"{table}.{name} is {checked.schema[name]}, expected {expected}; "
                "cast it explicitly in the adapter"
            )
    return checked.select([*declared, *context])


def complete(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Add the nullable columns a source does not know, as null."""
    absent = [
        pl.lit(None, dtype=dtypes(table)[field.name]).alias(field.name)
        for field in TABLES[table]
        if field.nullable and field.name not in frame.columns
    ]
    return frame.with_columns(absent) if absent else frame


def in_order(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows in the table's canonical order."""
    return frame.sort(ORDER[table], maintain_order=True)


def log_tables(
    exposures: pl.DataFrame, feedback: pl.DataFrame, items: pl.DataFrame
) -> LogTables:
    """The three tables from an adapter's frames: completed, checked and in canonical order.

    Raises:
        SchemaError: see `conform`.
    """
    frames = {"exposures": exposures, "feedback": feedback, "items": items}
    return LogTables(
        **{
            table: in_order(table, conform(table, complete(table, frame)))
            for table, frame in frames.items()
        }
    )


def _refuse_duplicates(table: str, frame: pl.DataFrame | pa.Table) -> None:
    names = frame.columns if isinstance(frame, pl.DataFrame) else frame.column_names
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SchemaError(
            f"{table}: duplicated column {', '.join(twice)}; keep one of each"
        )


def _refuse_context_names(names: list[str]) -> None:
    longest = len(CONTEXT_PREFIX) + MAX_ID_CHARACTERS
    if any(not len(CONTEXT_PREFIX) < len(name) <= longest for name in names):
        raise SchemaError(
            f"exposures: the name of a context column has {MAX_ID_CHARACTERS} characters at the "
            f"most, and at least one, after {CONTEXT_PREFIX!r}; rename it"
        )


def _refuse_names(
    table: str, figures: set[str], allowed: set[str], required: set[str]
) -> None:
    if missing := sorted(required - figures):
        raise SchemaError(f"{table}: missing column {', '.join(missing)}")
    if extra := sorted(figures - allowed):
        raise SchemaError(
            f"{table}: extra column {', '.join(extra)}; declared are {', '.join(sorted(required))}"
            + (f" and {CONTEXT_PREFIX}* as Float32" if table == "exposures" else "")
        )
