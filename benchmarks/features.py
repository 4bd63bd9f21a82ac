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
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.feature_days import fold_days, show_days
from benchmarks.feature_feeds import FILES, elsewhere, scan, write_feed
from benchmarks.feature_run import ENGINES, SURFACE, cost, declared, left
from benchmarks.timing import measure, report
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.plan import compile_plan
from sluice.features.state.feature_state import Request
from sluice.features.state.replay import replay
from sluice.surface import load_surface

ONLINE_PUSHES, ONLINE_EVENTS, ONLINE_REQUESTS = 10, 2000, 50
_BLOCK = 1 << 18
"""Rows compared at a time."""


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
    rng, spent, requests_made = np.random.default_rng(3), [], 0
    for pushed in range(ONLINE_PUSHES):
        first, last = (coming["ts"][nth * ONLINE_EVENTS] for nth in (pushed, pushed + 1))
        part = coming.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
        state.push(LogTables(part, tables.feedback[:0], tables.items[:0]))
        ts = int(part["ts"].dt.timestamp("us")[-1])
        shown = part["item_id"].unique().to_numpy()
        for user in part["user_id"].sample(ONLINE_REQUESTS, seed=pushed):
            requests_made += 1
            items = tuple(rng.choice(shown, min(100, len(shown)), replace=False))
            request = Request(user, items, ts + requests_made)
            begin = time.process_time()
            state.features(request)
            spent.append(time.process_time() - begin)
    # The first requests after a start meet cold caches; the median meets a warm service.
    return 1e3 * float(np.median(spent))


def differing(group: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Share of values that differ by more than float32 sums in another order may."""
    if group.shape != expected.shape:
        raise SystemExit(f"an engine left {group.shape} values, sluice {expected.shape}")
    differ = 0
    for begin in range(0, len(group), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        same = np.isclose(
            group[block], expected[block], rtol=1e-4, atol=1e-4, equal_nan=True
        )
        differ += int((~same).sum())
    return differ / group.size


def growth(rows: int, seconds: float, to: int) -> dict[str, float]:
    """CPU seconds of the fold at another size, and the exponent between the two."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elsewhere(write_feed, folder, to)
        grown_s = cost("sluice", folder)["cpu_s"]
        grown = len(left("sluice", folder))
        scanned = measure(lambda: scan(folder), 3).cpu_s
    return {
        "growth": math.log(grown_s / seconds) / math.log(grown / rows),
        "grown_rows": grown,
        "grown_cpu_s": grown_s,
        "grown_times_the_scan": grown_s / scanned,
    }


def run(rows: int, to: int | None = None) -> dict[str, Any]:
    """Timings by engine, whether they agree, and the ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elsewhere(write_feed, folder, rows)
        scanned = measure(lambda: scan(folder), 3)
        engines = {}
        for engine in ENGINES:
            engines[engine] = cost(engine, folder)
            report(f"{engine}: {engines[engine]['cpu_s']:.2f} CPU s")
        for engine, row in engines.items():
            row["differing"] = differing(left(engine, folder), left("sluice", folder))
        written = len(left("sluice", folder))
        online = online_ms(
            LogTables(*(pl.read_parquet(folder / f"{name}.parquet") for name in FILES))
        )
    ours = engines["sluice"]
    others = [row for engine, row in engines.items() if engine != "sluice"]
    return {
        "rows": written,
        "columns": len(compile_plan(declared()).names),
        "scan_cpu_s": scanned.cpu_s,
        "engines": engines,
        "speedup_over_best_engine": min(row["cpu_s"] for row in others) / ours["cpu_s"],
        "wall_speedup_over_best_engine": min(row["wall_s"] for row in others)
        / ours["wall_s"],
        "times_the_scan": ours["cpu_s"] / scanned.cpu_s,
        "online_ms": online,
        "online_columns": len(compile_plan(load_surface(SURFACE).features).names),
        **(growth(written, ours["cpu_s"], to) if to else {}),
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
            f"cost grows as n^{figures['growth']:.3f} up to {figures['grown_rows']:,} exposures, "
            f"{figures['grown_times_the_scan']:.1f} x the scan there"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--to", type=int, help="also fold so many, and tell the growth")
    parser.add_argument("--days", action="store_true", help="fold out of core, and no more")
    args = parser.parse_args()
    result = fold_days(args.rows) if args.days else run(args.rows, args.to)
    shown = show_days(result) if args.days else show(result)
    sys.stdout.write((json.dumps(result) if args.json else shown) + "\n")
