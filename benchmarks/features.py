"""Point-in-time features: the fold against Polars and DuckDB, same Parquet in, same numbers out.

Every engine reads the same two Parquet files of a generated feed and leaves the same columns as a
float32 matrix in memory: exposures and clicks of the item in the last hour, 6 and 24 hours and in
all of time before the request, and the 24-hour clicks as rank, share and difference within it.

`python -m benchmarks.features [--json] [--rows 2000000]`
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.timing import measure
from sluice.data.frames import empty_frame
from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.plan import compile_plan
from sluice.features.replay import replay
from sluice.features.spec import FeatureSpec

WINDOWS = {"1h": 1, "6h": 6, "24h": 24}
FOREVER = "3650d"
SPEC = FeatureSpec(
    windows=tuple(WINDOWS),
    age=False,
    user_item=False,
    context=False,
    relative=("rank", "share", "difference"),
    relative_of=("item.click.24h",),
)
COUNTS = [f"item.{event}.{span}" for event in ("exposure", "click") for span in (*WINDOWS, "all")]
RELATIVE = [f"item.click.24h.{form}" for form in ("rank", "share", "difference")]
COLUMNS = [*COUNTS, *RELATIVE]

Engine = Callable[[Path], NDArray[np.float32]]


def write_feed(folder: Path, rows: int) -> int:
    """Write the two files; returns how many exposures there are."""
    days = 8
    feed = generate(FeedConfig(days=days, requests_per_day=round(rows / days / 19.5))).tables
    clicks = feed.feedback.filter(pl.col("kind") == FeedbackKind.CLICK.value)
    feed.exposures.write_parquet(folder / "exposures.parquet", compression="zstd")
    clicks.write_parquet(folder / "clicks.parquet", compression="zstd")
    return len(feed.exposures)


def scan(folder: Path) -> pl.DataFrame:
    """What every engine must read at least: the columns that the features are made of."""
    columns = ["request_id", "user_id", "ts", "item_id"]
    return pl.read_parquet(folder / "exposures.parquet", columns=columns)


def by_sluice(folder: Path) -> NDArray[np.float32]:
    """The fold, from the tables as a snapshot holds them."""
    exposures = pl.read_parquet(folder / "exposures.parquet")
    clicks = pl.read_parquet(folder / "clicks.parquet")
    tables = LogTables(exposures, clicks, empty_frame("items"))
    return replay(SPEC, FeedbackKind.CLICK, tables).frame.features


def _events(folder: Path) -> pl.LazyFrame:
    """Exposures and clicks as one stream of zeros and ones; a click counts when it is received."""
    shown = pl.scan_parquet(folder / "exposures.parquet").select(
        "ts", "item_id", "request_id", shown=pl.lit(1, pl.Int32), clicked=pl.lit(0, pl.Int32)
    )
    clicked = pl.scan_parquet(folder / "clicks.parquet").select(
        ts="received_ts", item_id="item_id", request_id=pl.lit(None, pl.String),
        shown=pl.lit(0, pl.Int32), clicked=pl.lit(1, pl.Int32),
    )  # fmt: skip
    return pl.concat([shown.with_row_index("row"), clicked.with_row_index("row")])


def _within_request(counted: pl.LazyFrame) -> NDArray[np.float32]:
    clicks = pl.col("item.click.24h")
    total = clicks.sum().over("request_id")
    related = counted.with_columns(
        clicks.rank("min", descending=True).over("request_id").alias(RELATIVE[0]),
        pl.when(total > 0).then(clicks / total).otherwise(clicks).alias(RELATIVE[1]),
        (clicks - clicks.mean().over("request_id")).alias(RELATIVE[2]),
    )
    ordered = related.filter(pl.col("shown") == 1).sort("row").select(COLUMNS).cast(pl.Float32)
    return ordered.collect(engine="streaming").to_numpy()


def by_polars_rolling(folder: Path) -> NDArray[np.float32]:
    """Trailing windows with `rolling_sum_by(closed="left")`, one for each column."""
    spans = {**{span: span for span in WINDOWS}, "all": FOREVER}
    rolled = [
        pl.col(column).rolling_sum_by("ts", window_size=window, closed="left").over("item_id")
        .fill_null(0).alias(f"item.{event}.{span}")
        for event, column in (("exposure", "shown"), ("click", "clicked"))
        for span, window in spans.items()
    ]  # fmt: skip
    counted = _events(folder).sort("ts").with_columns(rolled)
    return _within_request(counted.filter(pl.col("shown") == 1))


def by_polars_asof(folder: Path) -> NDArray[np.float32]:
    """Running totals per item, looked up by as-of joins just before t and before t - w."""
    events = _events(folder).sort("ts").with_columns(
        pl.col("shown").cum_sum().over("item_id").alias("exposure"),
        pl.col("clicked").cum_sum().over("item_id").alias("click"),
    )
    totals = events.select("ts", "item_id", "exposure", "click")
    asked = events.filter(pl.col("shown") == 1).select("row", "ts", "item_id", "request_id", "shown")
    counted = asked
    for span, hours in {"all": 0, **WINDOWS}.items():
        edge = asked.select("row", "item_id", at=pl.col("ts").dt.offset_by(f"-{hours}h")).sort("at")
        found = edge.join_asof(
            totals, left_on="at", right_on="ts", by="item_id",
            strategy="backward", allow_exact_matches=False, check_sortedness=False,
        ).select("row", pl.col("exposure").fill_null(0).alias(f"exposure.{span}"),
                 pl.col("click").fill_null(0).alias(f"click.{span}"))  # fmt: skip
        counted = counted.join(found, on="row")
    columns = [
        (pl.col(f"{event}.all") - (0 if span == "all" else pl.col(f"{event}.{span}")))
        .alias(f"item.{event}.{span}")
        for event in ("exposure", "click")
        for span in (*WINDOWS, "all")
    ]  # fmt: skip
    return _within_request(counted.with_columns(columns))


def by_duckdb(folder: Path) -> NDArray[np.float32]:
    """RANGE windows that end one microsecond before the request."""
    import duckdb

    spans = {**{span: f"{hours} HOURS" for span, hours in WINDOWS.items()}, "all": "3650 DAYS"}
    sums = ", ".join(
        f'coalesce(sum({column}) OVER w{span}, 0) AS "item.{event}.{span}"'
        for event, column in (("exposure", "shown"), ("click", "clicked"))
        for span in spans
    )
    windows = ", ".join(
        f"w{span} AS (PARTITION BY item_id ORDER BY ts RANGE BETWEEN INTERVAL {length} PRECEDING "
        "AND INTERVAL 1 MICROSECOND PRECEDING)"
        for span, length in spans.items()
    )
    clicks, request = '"item.click.24h"', "(PARTITION BY request_id)"
    query = f"""
        WITH events AS (
            SELECT file_row_number AS row, ts, item_id, request_id, 1 AS shown, 0 AS clicked
            FROM read_parquet('{folder}/exposures.parquet', file_row_number = true)
            UNION ALL
            SELECT file_row_number, received_ts, item_id, NULL, 0, 1
            FROM read_parquet('{folder}/clicks.parquet', file_row_number = true)
        ), counted AS (SELECT *, {sums} FROM events WINDOW {windows})
        SELECT {", ".join(f'"{name}"::FLOAT AS "{name}"' for name in COUNTS)},
            (rank() OVER (PARTITION BY request_id ORDER BY {clicks} DESC))::FLOAT AS "{RELATIVE[0]}",
            (CASE WHEN sum({clicks}) OVER {request} > 0
                  THEN {clicks} / sum({clicks}) OVER {request} ELSE {clicks} END)::FLOAT AS "{RELATIVE[1]}",
            ({clicks} - avg({clicks}) OVER {request})::FLOAT AS "{RELATIVE[2]}"
        FROM counted WHERE shown = 1 ORDER BY row
    """
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        found = connection.execute(query).fetchnumpy()
    return np.column_stack([np.asarray(found[name], np.float32) for name in COLUMNS])


ENGINES: dict[str, Engine] = {
    "sluice": by_sluice,
    "polars_rolling": by_polars_rolling,
    "polars_asof": by_polars_asof,
    "duckdb": by_duckdb,
}


def peak_megabytes(engine: str, folder: Path) -> float:
    """Peak memory of one run in a process of its own."""
    program = (
        "import resource, sys; from pathlib import Path; from benchmarks.features import ENGINES; "
        "ENGINES[sys.argv[1]](Path(sys.argv[2])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, engine, str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def _gap(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Largest difference; zero by construction for the engine that is compared with."""
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else 0.0


def run(rows: int) -> dict[str, Any]:
    """Timings by engine, whether they agree, and the ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_feed(folder, rows)
        scanned = measure(lambda: scan(folder), 3)
        names = compile_plan(SPEC).names
        expected = by_sluice(folder)[:, [names.index(name) for name in COLUMNS]]
        engines = {}
        for engine, compute in ENGINES.items():
            gap = _gap(compute(folder), expected)
            timing = measure(lambda compute=compute: compute(folder), 3 if engine == "sluice" else 1)
            engines[engine] = {
                "cpu_s": timing.cpu_s,
                "wall_s": timing.wall_s,
                "peak_mb": peak_megabytes(engine, folder),
                "largest_difference": gap,
            }
    others = [timing for engine, timing in engines.items() if engine != "sluice"]
    ours = engines["sluice"]
    return {
        "rows": written,
        "columns": len(COLUMNS),
        "scan_cpu_s": scanned.cpu_s,
        "engines": engines,
        "speedup_over_best_engine": min(each["cpu_s"] for each in others) / ours["cpu_s"],
        "wall_speedup_over_best_engine": min(each["wall_s"] for each in others) / ours["wall_s"],
        "times_the_scan": ours["cpu_s"] / scanned.cpu_s,
    }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['rows']:,} exposures, {figures['columns']} features, strictly before each request",
        f"  {'engine':<16}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}  largest difference",
        f"  {'(Parquet scan)':<16}{figures['scan_cpu_s']:8.2f}",
    ]
    lines += [
        f"  {engine:<16}{row['cpu_s']:8.2f}{row['wall_s']:8.2f}{row['peak_mb']:9.0f}"
        f"  {row['largest_difference']:.1e}"
        for engine, row in figures["engines"].items()
    ]
    lines.append(
        f"sluice: {figures['speedup_over_best_engine']:.1f} x the CPU speed of the faster engine "
        f"({figures['wall_speedup_over_best_engine']:.1f} x by the clock), "
        f"{figures['times_the_scan']:.1f} x the scan"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    given = parser.parse_args()
    result = run(given.rows)
    sys.stdout.write((json.dumps(result) if given.json else show(result)) + "\n")
