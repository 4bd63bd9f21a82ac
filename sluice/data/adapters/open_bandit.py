"""Open Bandit: recommendations on a fashion shop's page under a known random or Thompson policy.

One row is one shown item at one of three slots with its true propensity; the slots of one page
view are not tied together and there is no person, so each row is a request of its own by a
person of its own. The hashed user features become stable codes and the affinity of the shown
item alone is kept; the other items' affinities would be 80 columns of nearly nothing.
"""

from pathlib import Path

import numpy as np
import polars as pl

from sluice.data.adapters.files import (
    expect_file,
    listing,
    parsed,
    read_text_table,
    require_columns,
)
from sluice.data.frames import log_tables
from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError

_ITEMS = "item_context.csv"
_REQUIRED = ("timestamp", "item_id", "position", "click", "propensity_score")
_AFFINITY = "user-item_affinity_"
_USER = "user_feature_"
_TIME = pl.col("timestamp").str.to_datetime(
    "%Y-%m-%d %H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False
)


def read(folder: Path, surface: str) -> LogTables:
    """Read the campaign's log, e.g. `men.csv`, and its `item_context.csv`."""
    path = _log_file(folder)
    facts = read_text_table(expect_file(folder, _ITEMS), ",")
    require_columns(folder / _ITEMS, facts, ["item_id", "item_feature_1"])
    log = _parse(path, read_text_table(path, ","))
    exposures = log.select(
        "request_id",
        "user_id",
        pl.lit(surface).alias("surface"),
        "ts",
        "item_id",
        "position",
        pl.col("propensity_score").alias("propensity"),
        *(_code(name) for name in log.columns if name.startswith(_USER)),
        _shown_affinity(path, log),
    )
    feedback = log.filter(pl.col("click") > 0).select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(FeedbackKind.CLICK)).alias("kind"),
        pl.col("click").cast(pl.Float64).alias("value"),
        "ts",
        pl.col("ts").alias("received_ts"),
    )
    items = facts.select(
        "item_id",
        pl.col("item_feature_1").alias("category"),
        pl.lit(log["ts"].min()).alias("valid_from"),
    )
    return log_tables(exposures, feedback, items)


def _log_file(folder: Path) -> Path:
    logs = sorted(path for path in folder.glob("*.csv") if path.name != _ITEMS)
    if len(logs) != 1:
        raise DataError(
            f"{folder}: expected one campaign's log (men.csv, women.csv or all.csv) beside "
            f"{_ITEMS}; there {listing(folder)}"
        )
    return logs[0]


def _parse(path: Path, log: pl.DataFrame) -> pl.DataFrame:
    require_columns(path, log, _REQUIRED)
    numbers = {
        "position": pl.Int32(),
        "click": pl.Int32(),
        "propensity_score": pl.Float64(),
    } | {name: pl.Float32() for name in log.columns if name.startswith(_AFFINITY)}
    casts = {name: pl.col(name).cast(kind, strict=False) for name, kind in numbers.items()}
    request_id = pl.format("{}-{}", pl.lit(path.stem), pl.int_range(pl.len()))
    return parsed(path, log, {"timestamp": _TIME, **casts}).with_columns(
        pl.col("timestamp").alias("ts"),
        request_id.alias("request_id"),
        pl.format("anonymous-{}", request_id).alias("user_id"),
    )


def _code(name: str) -> pl.Expr:
    """First 16 bits of a hashed feature, as a number that means the same in every file."""
    code = pl.col(name).str.slice(0, 4).str.to_integer(base=16, strict=False)
    return code.cast(pl.Float32).alias(CONTEXT_PREFIX + name)


def _shown_affinity(path: Path, log: pl.DataFrame) -> pl.Series:
    """The user's affinity to the item that was shown, null where the log has none for it."""
    columns = [name for name in log.columns if name.startswith(_AFFINITY)]
    order = {name.removeprefix(_AFFINITY): index for index, name in enumerate(columns)}
    shown = log["item_id"].replace_strict(order, default=None, return_dtype=pl.Int64)
    if shown.null_count() and columns:
        unknown = log.filter(shown.is_null())["item_id"].unique().sort().head(5).to_list()
        raise DataError(f"{path}: no {_AFFINITY}* column for the shown items {unknown}")
    values = np.full(log.height, np.nan, dtype=np.float32)
    if columns:
        values = log.select(columns).to_numpy()[np.arange(log.height), shown.to_numpy()]
    return pl.Series(f"{CONTEXT_PREFIX}affinity", values, nan_to_null=True)
