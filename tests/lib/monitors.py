"""Small sound logs and drift inputs for the monitors' tests."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from sluice.data.schema import EXPOSURES, FEEDBACK, ITEMS, TABLES
from sluice.data.tables import LogTables

START = datetime(2024, 3, 4, tzinfo=UTC)


def typed(
    rows: dict[str, list], schema: pa.Schema, extra: dict[str, pa.DataType] | None = None
):
    """A frame of the schema's types; declared columns that are not given are null."""
    count = len(next(iter(rows.values())))
    fields = {field.name: field.type for field in schema} | (extra or {})
    arrays = [
        pa.array(rows.get(name, [None] * count), kind) for name, kind in fields.items()
    ]
    return pl.from_arrow(pa.table(arrays, names=list(fields)))


def sound_log(requests: int = 60, candidates: int = 5, days: int = 3) -> LogTables:
    """Requests evenly over some days; each third request has one click, half a minute later."""
    step = timedelta(days=days) / requests
    times = [START + index * step for index in range(requests)]
    shown = [(r, c) for r in range(requests) for c in range(candidates)]
    clicks = range(0, requests, 3)
    exposures = typed(
        {
            "request_id": [f"r{r}" for r, _ in shown],
            "user_id": [f"u{r % 7}" for r, _ in shown],
            "surface": ["feed"] * len(shown),
            "ts": [times[r] for r, _ in shown],
            "item_id": [f"i{(r + c) % 20}" for r, c in shown],
            "position": [c + 1 for _, c in shown],
            "context_device": [float(r % 2) for r, _ in shown],
        },
        EXPOSURES,
        {"context_device": pa.float32()},
    )
    feedback = typed(
        {
            "request_id": [f"r{r}" for r in clicks],
            "user_id": [f"u{r % 7}" for r in clicks],
            "item_id": [f"i{r % 20}" for r in clicks],
            "kind": ["click"] * len(clicks),
            "value": [1.0] * len(clicks),
            "ts": [times[r] + timedelta(seconds=30) for r in clicks],
            "received_ts": [times[r] + timedelta(seconds=31) for r in clicks],
        },
        FEEDBACK,
    )
    items = typed(
        {
            "item_id": [f"i{i}" for i in range(20)],
            "provider_id": [f"p{i % 4}" for i in range(20)],
            "category": ["news"] * 20,
            "published_at": [START - timedelta(hours=i) for i in range(20)],
            "quality": [0.5] * 20,
            "embedding": [[0.1, 0.2]] * 20,
            "valid_from": [START - timedelta(hours=i) for i in range(20)],
        },
        ITEMS,
    )
    return LogTables(exposures, feedback, items)


def empty_log() -> LogTables:
    return LogTables(*(pl.from_arrow(schema.empty_table()) for schema in TABLES.values()))


def feature_rows(rows: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """[rows, 3] float32: a normal column (moved by `shift`), a count, one half unknown."""
    rng = np.random.default_rng(seed)
    unknown = np.where(rng.random(rows) < 0.5, np.nan, rng.random(rows))
    columns = [rng.normal(shift, 1, rows), rng.poisson(2, rows), unknown]
    return np.stack(columns, axis=1).astype(np.float32)
