"""Row S1: what a scorecard of two million exposures costs."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from sluice.data.frames import log_tables
from sluice.data.tables import LogTables, Window
from sluice.ecosystem.dimension import labels
from sluice.ecosystem.encoding import encode
from sluice.ecosystem.scorecard import card, segments
from sluice.ecosystem.settings import Stated

_START = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 7
_SLOTS = 10
_US = pl.Datetime("us", "UTC")
SEGMENT = "context_segment"


def log_of(
    requests: int, items: int, people: int, seed: int, dimensions: int = 32
) -> LogTables:
    """A week of exposures in eight segments of people, with clicks, dwell, hides and embeddings."""
    rng = np.random.default_rng(seed)
    begun = int(_START.timestamp() * 1e6)
    ts = np.sort(rng.integers(begun, begun + _DAYS * 86_400_000_000, requests))
    person = rng.integers(people, size=requests)
    chance = rng.lognormal(0, 1.2, items)
    item = rng.choice(items, requests * _SLOTS, p=chance / chance.sum())
    request = np.repeat(np.arange(requests), _SLOTS)
    exposures = pl.DataFrame({"request": request, "item": item, "slot": np.tile(np.arange(_SLOTS), requests) + 1}).select(
        _name("r", request, 8).alias("request_id"),
        _name("u", person[request], 6).alias("user_id"),
        pl.lit("feed").alias("surface"),
        pl.Series("ts", ts[request]).cast(_US),
        _name("i", item, 6).alias("item_id"),
        pl.col("slot").cast(pl.Int32).alias("position"),
        pl.Series(SEGMENT, (person[request] % 8).astype(np.float32)),
    )  # fmt: skip
    published = begun - rng.integers(0, 14 * 86_400_000_000, items)
    published[: items // 4] = begun + rng.integers(0, 5 * 86_400_000_000, items // 4)
    born = pl.Series(published).cast(_US)
    table = pl.DataFrame(
        {
            "item_id": _name("i", np.arange(items), 6),
            "provider_id": _name("p", rng.integers(max(items // 20, 1), size=items), 4),
            "category": _name("c", rng.integers(30, size=items), 2),
            "published_at": born,
            "quality": rng.random(items),
            "embedding": pl.Series(rng.normal(size=(items, dimensions)).astype(np.float32)).arr.to_list(),
            "valid_from": pl.Series([_START - timedelta(days=20)] * items).cast(_US),
        }
    ).sort("valid_from", "item_id")  # fmt: skip
    return log_tables(exposures, _feedback(exposures, rng), table)


def _feedback(exposures: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    parts = []
    for kind, rate in (("click", 0.08), ("dwell", 0.08), ("hide", 0.005)):
        rows = exposures.filter(pl.Series(rng.random(exposures.height) < rate)).unique(
            ["request_id", "item_id"], keep="first", maintain_order=True
        )
        value = (
            rng.exponential(30, rows.height) if kind == "dwell" else np.ones(rows.height)
        )
        parts.append(rows.select(
            "request_id", "user_id", "item_id", pl.lit(kind).alias("kind"), pl.Series("value", value),
            "ts", pl.col("ts").alias("received_ts"),
        ))  # fmt: skip
    return pl.concat(parts).sort("ts", "user_id", "item_id", "kind", "request_id")


def _name(prefix: str, numbers: np.ndarray, digits: int) -> pl.Series:
    return prefix + pl.Series(numbers, dtype=pl.Int64).cast(pl.String).str.zfill(digits)


def cost(tables: LogTables, resamples: int) -> float:
    """CPU seconds of a scorecard by segment, from the log's tables on."""
    stated = Stated(resamples=resamples)
    began = time.process_time()
    encoded = encode(tables, "feed", Window(_START, _START + timedelta(days=_DAYS)), stated)
    card(encoded.exposures)
    segments(encoded.exposures, SEGMENT, labels(encoded, SEGMENT))
    return time.process_time() - began
