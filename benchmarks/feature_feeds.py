"""Generated feeds as Parquet: written, read, and scanned."""

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from benchmarks.timing import report
from sluice.data.generated import FeedConfig, generate, generate_days
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables

DAYS, ROWS_PER_REQUEST = 8, 19.5
OUT_OF_CORE_DAY, OUT_OF_CORE_ITEMS = 500_000, 1000
"""Exposures and new items of a day that is folded out of core."""
GROWN_FROM = 4
"""Days folded out of core before growth is measured: 2 M exposures, and the horizon passed."""
READ = {
    "exposures": ("request_id", "user_id", "ts", "item_id", "position"),
    "clicks": ("request_id", "user_id", "item_id", "kind", "value", "ts", "received_ts"),
    "items": (
        "item_id", "provider_id", "category", "published_at", "embedding", "valid_from",
    ),
}  # fmt: skip
"""Files of the feed and the columns that a replay reads."""
FILES = tuple(READ)


def feed_config(rows: int) -> FeedConfig:
    """A feed of about that many exposures in eight days."""
    requests = round(rows / DAYS / ROWS_PER_REQUEST)
    users, items = max(rows // 100, 100), max(rows // 400, 100)
    return FeedConfig(
        days=DAYS, requests_per_day=requests, users=users, items_per_day=items
    )


def long_feed(rows: int) -> FeedConfig:
    """A feed of about that many exposures, of which every day has as many as the others."""
    return FeedConfig(
        days=max(round(rows / OUT_OF_CORE_DAY), GROWN_FROM + 1),
        requests_per_day=round(OUT_OF_CORE_DAY / ROWS_PER_REQUEST),
        users=max(rows // 100, 100),
        items_per_day=OUT_OF_CORE_ITEMS,
    )


def elsewhere(write: Callable[[Path, int], None], folder: Path, rows: int) -> None:
    """Write a feed in a process of its own, so that this one's memory holds none of it."""
    writer = get_context("spawn").Process(target=write, args=(folder, rows))
    writer.start()
    writer.join()
    if writer.exitcode:
        raise SystemExit(f"the feed could not be written: exit code {writer.exitcode}")


def write_feed(folder: Path, rows: int) -> None:
    """Write the files of a feed of about that many exposures."""
    _write(folder, generate(feed_config(rows)).tables)


def write_days(folder: Path, rows: int) -> None:
    """Write the files of a long feed, a folder a day."""
    config = long_feed(rows)
    for number, day in enumerate(generate_days(config)):
        (folder / f"{number:04}").mkdir()
        _write(folder / f"{number:04}", day.tables)
        report(f"generated day {number + 1} of {config.days}")


def _write(folder: Path, tables: LogTables) -> None:
    clicks = tables.feedback.filter(pl.col("kind") == FeedbackKind.CLICK.value)
    for name, table in zip(FILES, (tables.exposures, clicks, tables.items), strict=True):
        table.write_parquet(folder / f"{name}.parquet", compression="zstd")


def read_feed(folder: Path) -> LogTables:
    """The columns that a replay reads."""
    return LogTables(
        *(
            pl.read_parquet(folder / f"{name}.parquet", columns=list(columns))
            for name, columns in READ.items()
        )
    )


def scan(folder: Path) -> None:
    """Decode the files into Arrow, and no more."""
    for name in FILES:
        pq.read_table(folder / f"{name}.parquet")
