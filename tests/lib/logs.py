"""Tiny logs: three requests of three candidates, some clicked, and ways to break them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sluice.data.frames import dtypes, log_tables
from sluice.data.tables import LogTables

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
AT = datetime(2026, 2, 1, tzinfo=UTC)
"""Of the ingest: after everything that the tiny log holds."""


def exposure(request: int, item: str, position: int, **changed: Any) -> dict[str, Any]:
    """One exposure; request r is answered r hours after START."""
    row = {
        "request_id": f"r{request}",
        "user_id": f"u{request % 2}",
        "surface": "for_you",
        "ts": START + timedelta(hours=request),
        "item_id": item,
        "position": position,
        "propensity": 0.5,
        "score": 1.0 / position,
        "release": None,
    }
    return row | changed


def event(request: int, item: str, kind: str = "click", **changed: Any) -> dict[str, Any]:
    """One feedback row a minute after its request, received ten seconds later."""
    ts = START + timedelta(hours=request, minutes=1)
    row = {
        "request_id": f"r{request}",
        "user_id": f"u{request % 2}",
        "item_id": item,
        "kind": kind,
        "value": 1.0,
        "ts": ts,
        "received_ts": ts + timedelta(seconds=10),
    }
    return row | changed


def item(name: str, **changed: Any) -> dict[str, Any]:
    row = {
        "item_id": name,
        "provider_id": "p",
        "category": "news",
        "published_at": START - timedelta(hours=1),
        "quality": 0.5,
        "language": "da",
        "embedding": [0.25, 0.5],
        "valid_from": START - timedelta(hours=1),
    }
    return row | changed


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dtypes(table))


def tiny_log(requests: int = 3, hours: int = 0) -> LogTables:
    """Requests r0, r1, ... of items a, b, c, the second clicked; moved by some hours."""
    shift = timedelta(hours=hours)
    names = ("a", "b", "c")
    exposures = [
        exposure(number, name, slot)
        for number in range(requests)
        for slot, name in enumerate(names, 1)
    ]
    tables = log_tables(
        frame("exposures", exposures),
        frame("feedback", [event(number, "b") for number in range(requests)]),
        frame("items", [item(name) for name in names]),
    )
    return LogTables(
        tables.exposures.with_columns(pl.col("ts") + shift),
        tables.feedback.with_columns(pl.col("ts") + shift, pl.col("received_ts") + shift),
        tables.items,
    )


def with_rows(tables: LogTables, table: str, rows: list[dict[str, Any]]) -> LogTables:
    """The tables with rows added at the end of one, unsorted and unchecked."""
    joined = pl.concat([getattr(tables, table), frame(table, rows)])
    return replace(tables, **{table: joined})


def with_cell(
    tables: LogTables, table: str, column: str, value: Any, row: int = 0
) -> LogTables:
    """The tables with one cell replaced."""
    found = getattr(tables, table)
    values = found[column].to_list()
    values[row] = value
    series = pl.Series(column, values, dtype=found.schema[column])
    return replace(tables, **{table: found.with_columns(series)})


def flip_bit(path: Path, offset: int) -> None:
    """Damage one bit of a file."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(bytes(content))
