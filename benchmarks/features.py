"""Point-in-time features: the fold against Polars and DuckDB, same Parquet in, same numbers out.

Every engine reads the same three Parquet files of a generated feed and leaves the same columns as a
float32 matrix in memory: what `surfaces/for_you.toml` declares, but for decayed counters and
click-to-click transitions, which neither engine can say without a state of its own.

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
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.feature_engines import by_duckdb, by_polars_asof, by_polars_rolling
from benchmarks.timing import measure
from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.plan import compile_plan
from sluice.features.replay import replay
from sluice.features.spec import FeatureSpec
from sluice.surface import load_surface

DAYS, ROWS_PER_REQUEST = 8, 19.5
FILES = ("exposures", "clicks", "items")

Engine = Callable[[Path, FeatureSpec], NDArray[np.float32]]


def declared() -> FeatureSpec:
    """The surface's features that all engines can compute."""
    spec = load_surface(Path(__file__).parents[1] / "surfaces" / "for_you.toml").features
    shared = {"half_lives": (), "transitions": 0, "context": False}
    names = compile_plan(spec.model_copy(update={**shared, "relative_of": ()})).names
    bases = tuple(name for name in spec.relative_of if name in names)
    return spec.model_copy(update={**shared, "relative_of": bases})


def write_feed(folder: Path, rows: int) -> int:
    """Write the files; returns how many exposures there are."""
    requests = round(rows / DAYS / ROWS_PER_REQUEST)
    users, items = max(rows // 100, 100), max(rows // 400, 100)
    config = FeedConfig(
        days=DAYS, requests_per_day=requests, users=users, items_per_day=items
    )
    tables = generate(config).tables
    clicks = tables.feedback.filter(pl.col("kind") == FeedbackKind.CLICK.value)
    for name, table in zip(FILES, (tables.exposures, clicks, tables.items), strict=True):
        table.write_parquet(folder / f"{name}.parquet", compression="zstd")
    return len(tables.exposures)


def scan(folder: Path) -> None:
    """Decode the files into Arrow, and no more."""
    for name in FILES:
        pq.read_table(folder / f"{name}.parquet")


def by_sluice(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """The fold, from the tables as a snapshot holds them."""
    tables = LogTables(*(pl.read_parquet(folder / f"{name}.parquet") for name in FILES))
    return replay(spec, FeedbackKind.CLICK, tables).frame.features


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


def run(rows: int) -> dict[str, Any]:
    """Timings by engine, whether they agree, and the ratios."""
    spec = declared()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_feed(folder, rows)
        scanned = measure(lambda: scan(folder), 3)
        expected = by_sluice(folder, spec)
        engines = {engine: _cost(engine, folder, spec, expected) for engine in ENGINES}
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
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    given = parser.parse_args()
    result = run(given.rows)
    sys.stdout.write((json.dumps(result) if given.json else show(result)) + "\n")
