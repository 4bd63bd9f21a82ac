"""Point-in-time features: the fold against Polars and DuckDB, same Parquet in, same numbers out.

Every engine reads the same three Parquet files of a generated feed and leaves the same columns as a
float32 matrix in memory: what `surfaces/for_you.toml` declares, but for decayed counters and
click-to-click transitions, which neither engine can say without a state of its own.

Two more figures: what one online request costs, of 100 candidates and all of the surface's features,
with events pushed in between; and with `--to`, how the fold's cost grows from `--rows` to so many.
`--days` folds so many exposures out of core instead, a generated day at a time: the process's peak
memory, and how the fold's cost grows from its first 2 M exposures to the last.

`python -m benchmarks.features [--json] [--rows 2000000] [--to 10000000] [--days]`
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.feature_engines import by_duckdb, by_polars_asof, by_polars_rolling
from benchmarks.timing import keep_memory, measure, report
from sluice.data.generated import FeedConfig, generate, generate_days
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.plan import compile_plan
from sluice.features.replay import replay, replay_days
from sluice.features.spec import FeatureSpec
from sluice.features.state import Request
from sluice.surface import load_surface

SURFACE = Path(__file__).parents[1] / "surfaces" / "for_you.toml"
DAYS, ROWS_PER_REQUEST = 8, 19.5
OUT_OF_CORE_DAY, OUT_OF_CORE_ITEMS = 500_000, 1000
"""Exposures and new items of a day that is folded out of core."""
GROWN_FROM = 4
"""Days folded out of core before growth is measured: 2 M exposures, and the horizon passed."""
ONLINE_PUSHES, ONLINE_EVENTS, ONLINE_REQUESTS = 10, 2000, 50
READ = {
    "exposures": ("request_id", "user_id", "ts", "item_id", "position"),
    "clicks": ("request_id", "user_id", "item_id", "kind", "value", "ts", "received_ts"),
    "items": (
        "item_id", "provider_id", "category", "published_at", "embedding", "valid_from",
    ),
}  # fmt: skip
"""Files of the feed and the columns that a replay reads."""
FILES = tuple(READ)

Engine = Callable[[Path, FeatureSpec], NDArray[np.float32]]


def declared() -> FeatureSpec:
    """The surface's features that all engines can compute."""
    spec = load_surface(SURFACE).features
    shared = {"half_lives": (), "transitions": 0, "context": False}
    names = compile_plan(spec.model_copy(update={**shared, "relative_of": ()})).names
    bases = tuple(name for name in spec.relative_of if name in names)
    return spec.model_copy(update={**shared, "relative_of": bases})


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


def write_feed(folder: Path, rows: int) -> int:
    """Write the files; returns how many exposures there are."""
    tables = generate(feed_config(rows)).tables
    _write(folder, tables)
    return len(tables.exposures)


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


def by_sluice(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """The fold, over the columns that it reads."""
    return replay(spec, FeedbackKind.CLICK, read_feed(folder)).frame.features


ENGINES: dict[str, Engine] = {
    "sluice": by_sluice,
    "polars_rolling": by_polars_rolling,
    "polars_asof": by_polars_asof,
    "duckdb": by_duckdb,
}


def peak_megabytes(engine: str, folder: Path) -> float:
    """Peak memory of one run in a process of its own."""
    program = (
        "import resource, sys; from pathlib import Path; "
        "from benchmarks.features import ENGINES, declared; "
        "ENGINES[sys.argv[1]](Path(sys.argv[2]), declared()); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", program, engine, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def differing(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Share of values that differ by more than float32 sums in another order may."""
    return float(
        (~np.isclose(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)).mean()
    )


def online_ms(tables: LogTables) -> float:
    """CPU milliseconds of one request of 100 candidates, events being pushed every 50 requests."""
    cut = len(tables.exposures) // 2
    now = tables.exposures["ts"][cut]
    spec = load_surface(SURFACE).features
    past = LogTables(
        tables.exposures.filter(pl.col("ts") < now),
        tables.feedback.filter(pl.col("received_ts") < now),
        tables.items,
    )
    state = replay(spec, FeedbackKind.CLICK, past).state
    coming = tables.exposures.filter(pl.col("ts") >= now)
    rng, spent, asked = np.random.default_rng(3), [], 0
    for pushed in range(ONLINE_PUSHES):
        first, last = (coming["ts"][nth * ONLINE_EVENTS] for nth in (pushed, pushed + 1))
        part = coming.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
        state.push(LogTables(part, tables.feedback[:0], tables.items[:0]))
        ts = int(part["ts"].dt.timestamp("us")[-1])
        shown = part["item_id"].unique().to_numpy()
        for user in part["user_id"].sample(ONLINE_REQUESTS, seed=pushed):
            asked += 1
            items = tuple(rng.choice(shown, min(100, len(shown)), replace=False))
            request = Request(user, items, ts + asked)
            begin = time.process_time()
            state.features(request)
            spent.append(time.process_time() - begin)
    # The first requests after a start meet cold caches; the median meets a warm service.
    return 1e3 * float(np.median(spent))


def fold_days(rows: int) -> dict[str, float]:
    """Peak memory, CPU seconds and their growth of a feed folded day by day, from Parquet."""
    keep_memory()
    spec = declared().model_copy(update={"horizon": "2d"})
    with tempfile.TemporaryDirectory() as name:
        # Elsewhere, so that the peak is the fold's own.
        writer = get_context("spawn").Process(target=write_days, args=(Path(name), rows))
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SystemExit(f"the feed could not be written: exit code {writer.exitcode}")
        days = sorted(Path(name).iterdir())
        replay(spec, FeedbackKind.CLICK, generate(feed_config(2000)).tables)  # compiles
        folded, spent, begin = [0], [0.0], time.process_time()
        for frame in replay_days(spec, FeedbackKind.CLICK, map(read_feed, days)):
            folded.append(folded[-1] + frame.rows)
            spent.append(time.process_time() - begin)
            report(f"folded {folded[-1]:,} exposures in {spent[-1]:.1f} CPU s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        scanned = sum(measure(lambda: scan(day), 1, warm=False).cpu_s for day in days)  # noqa: B023 - called in this turn
    return {
        "rows": folded[-1],
        "fold_cpu_s": spent[-1],
        "times_the_scan": spent[-1] / scanned,
        "growth": math.log(spent[-1] / spent[GROWN_FROM])
        / math.log(folded[-1] / folded[GROWN_FROM]),
        "grown_from": folded[GROWN_FROM],
        "peak_mb": peak,
    }


def growth(rows: int, to: int) -> dict[str, float]:
    """CPU seconds of the fold at two sizes, and the exponent between them."""
    keep_memory()
    sizes, seconds = [], []
    for size in (rows, to):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sizes.append(write_feed(folder, size))
            seconds.append(measure(lambda: by_sluice(folder, declared()), 2).cpu_s)  # noqa: B023 - called in this turn
    exponent = math.log(seconds[1] / seconds[0]) / math.log(sizes[1] / sizes[0])
    return {"growth": exponent, "grown_rows": sizes[1], "grown_cpu_s": seconds[1]}


def run(rows: int, to: int | None = None) -> dict[str, Any]:
    """Timings by engine, whether they agree, and the ratios."""
    keep_memory()
    spec = declared()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_feed(folder, rows)
        scanned = measure(lambda: scan(folder), 3)
        expected = by_sluice(folder, spec)
        engines = {engine: _cost(engine, folder, spec, expected) for engine in ENGINES}
        online = online_ms(
            LogTables(*(pl.read_parquet(folder / f"{name}.parquet") for name in FILES))
        )
    ours = engines["sluice"]
    others = [row for engine, row in engines.items() if engine != "sluice"]
    return {
        "rows": written,
        "columns": len(compile_plan(spec).names),
        "scan_cpu_s": scanned.cpu_s,
        "engines": engines,
        "speedup_over_best_engine": min(row["cpu_s"] for row in others) / ours["cpu_s"],
        "wall_speedup_over_best_engine": min(row["wall_s"] for row in others)
        / ours["wall_s"],
        "times_the_scan": ours["cpu_s"] / scanned.cpu_s,
        "online_ms": online,
        "online_columns": len(compile_plan(load_surface(SURFACE).features).names),
        **(growth(rows, to) if to else {}),
    }


def _cost(
    engine: str, folder: Path, spec: FeatureSpec, expected: NDArray[np.float32]
) -> dict[str, float]:
    found: list[NDArray[np.float32]] = []

    def compute() -> None:
        found[:] = [ENGINES[engine](folder, spec)]

    peak = peak_megabytes(engine, folder)
    timing = measure(compute, 3 if engine == "sluice" else 1, warm=engine != "duckdb")
    return {
        "cpu_s": timing.cpu_s,
        "wall_s": timing.wall_s,
        "peak_mb": peak,
        "differing": differing(found[0], expected),
    }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['rows']:,} exposures, {figures['columns']} features, strictly before each request",
        f"  {'engine':<16}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}  values that differ",
        f"  {'(Parquet scan)':<16}{figures['scan_cpu_s']:8.2f}",
    ]
    lines += [
        f"  {engine:<16}{row['cpu_s']:8.2f}{row['wall_s']:8.2f}{row['peak_mb']:9.0f}"
        f"  {row['differing']:.1e}"
        for engine, row in figures["engines"].items()
    ]
    lines.append(
        f"sluice: {figures['speedup_over_best_engine']:.1f} x the CPU speed of the faster engine "
        f"({figures['wall_speedup_over_best_engine']:.1f} x by the clock), "
        f"{figures['times_the_scan']:.1f} x the scan"
    )
    lines.append(
        f"online: {figures['online_ms']:.3f} CPU ms for 100 candidates x "
        f"{figures['online_columns']} features"
    )
    if "growth" in figures:
        lines.append(
            f"cost grows as n^{figures['growth']:.3f} up to {figures['grown_rows']:,} exposures"
        )
    return "\n".join(lines)


def show_days(figures: dict[str, float]) -> str:
    return (
        f"{figures['rows']:,} exposures from Parquet day by day: "
        f"{figures['fold_cpu_s']:.1f} CPU s ({figures['times_the_scan']:.1f} x the scan), growing as "
        f"n^{figures['growth']:.3f} from {figures['grown_from']:,} on; "
        f"{figures['peak_mb']:,.0f} MB at the peak"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--to", type=int, help="also fold so many, and tell the growth")
    parser.add_argument("--days", action="store_true", help="fold out of core, and no more")
    given = parser.parse_args()
    result = fold_days(given.rows) if given.days else run(given.rows, given.to)
    shown = show_days(result) if given.days else show(result)
    sys.stdout.write((json.dumps(result) if given.json else shown) + "\n")
