"""A day of a log as a service meets it: what it is asked, and what it hears of in between, in time order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from sluice.data.schema import CONTEXT_PREFIX, TABLES
from sluice.data.tables import LogTables, Window

BATCH_ROWS = 10_000
"""That one POST /events may hold."""


@dataclass(frozen=True)
class Asked:
    """One request of the log as a body of POST /rank."""

    request_id: str
    ts: int
    """µs since the epoch."""
    body: dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """Rows that became known between two requests, as a body of POST /events."""

    body: dict[str, list[dict[str, Any]]]

    @property
    def rows(self) -> int:
        return sum(map(len, self.body.values()))


Step = Asked | Heard


def day_of(tables: LogTables, day: Window) -> Iterator[Step]:
    """The day's requests, each after all that was known strictly before it.

    Args:
        tables: the whole log.
        day: from its start on rows are heard of; before, they stand in the snapshot.
    """
    rows = _timeline(tables, day)
    requests = _requests(tables.exposures, day)
    low = 0
    for request in requests:
        high = int(np.searchsorted(rows.at, request.ts))
        yield from rows.between(low, high)
        low = high
        yield request


@dataclass(frozen=True)
class _Timeline:
    at: np.ndarray
    """[rows] µs; ascending."""
    tables: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]

    def between(self, low: int, high: int) -> Iterator[Heard]:
        for begin in range(low, high, BATCH_ROWS):
            body: dict[str, list[dict[str, Any]]] = {}
            for nth in range(begin, min(begin + BATCH_ROWS, high)):
                body.setdefault(self.tables[nth], []).append(self.rows[nth])
            yield Heard(body)


def _timeline(tables: LogTables, day: Window) -> _Timeline:
    """Every row in the order in which it became known; a request's exposures before its clicks."""
    parts = []
    for place, table in enumerate(("items", "exposures", "feedback")):
        frame = getattr(tables, table)
        available = frame.select(_available(table).alias("at"))["at"]
        inside = ((available >= day.start) & (available < day.end)).to_numpy()
        kept = frame.filter(pl.Series(inside))
        at = available.filter(pl.Series(inside)).dt.timestamp("us").to_numpy()
        parts.append((at, np.full(len(at), place), [table] * len(at), _plain(table, kept)))
    at = np.concatenate([part[0] for part in parts])
    order = np.lexsort((np.concatenate([part[1] for part in parts]), at))
    names = [name for part in parts for name in part[2]]
    rows = [row for part in parts for row in part[3]]
    return _Timeline(
        at[order], tuple(names[nth] for nth in order), tuple(rows[nth] for nth in order)
    )


def _available(table: str) -> pl.Expr:
    if table == "feedback":
        return pl.max_horizontal("ts", "received_ts")
    return pl.col("ts" if table == "exposures" else "valid_from")


def _plain(table: str, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON holds them: times in µs, nothing for null."""
    times = [
        name
        for name in TABLES[table].names
        if frame.schema[name] == pl.Datetime("us", "UTC")
    ]
    plain = frame.with_columns(pl.col(times).dt.timestamp("us"))
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in plain.iter_rows(named=True)
    ]


def _requests(exposures: pl.DataFrame, day: Window) -> list[Asked]:
    inside = exposures.filter((pl.col("ts") >= day.start) & (pl.col("ts") < day.end))
    context = [name for name in exposures.columns if name.startswith(CONTEXT_PREFIX)]
    groups = inside.with_columns(pl.col("ts").dt.timestamp("us")).group_by(
        "request_id", maintain_order=True
    )
    requests = [_asked(str(name), rows, context) for (name,), rows in groups]
    return sorted(requests, key=lambda request: (request.ts, request.request_id))


def _asked(request_id: str, rows: pl.DataFrame, context: list[str]) -> Asked:
    ts = int(rows["ts"][0])
    values = {name: rows[name].to_list() for name in context if not rows[name].null_count()}
    body = {
        # Of its own: what the log says was shown is another policy's answer to the same person.
        "request_id": f"asked-{request_id}",
        "user_id": rows["user_id"][0],
        "candidates": rows["item_id"].to_list(),
        "ts": ts,
        "context": values,
    }
    return Asked(request_id, ts, body)
