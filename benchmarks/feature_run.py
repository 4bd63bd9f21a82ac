"""One engine over one feed, in a process of its own: what it costs, and the numbers it leaves.

`python -m benchmarks.feature_run ENGINE FOLDER` prints its CPU and clock seconds and its peak memory
as JSON, and leaves its float32 matrix, [exposures, features], as `ENGINE.npy` in the folder.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.feature_engines import by_duckdb, by_polars_asof, by_polars_rolling
from benchmarks.feature_feeds import read_feed
from benchmarks.timing import Timing, keep_memory, measure
from sluice.data.schema import FeedbackKind
from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.replay import replay
from sluice.surface import load_surface

SURFACE = Path(__file__).parents[1] / "surfaces" / "for_you.toml"
Engine = Callable[[Path, FeatureSpec], NDArray[np.float32]]


def declared() -> FeatureSpec:
    """The surface's features that all engines can compute."""
    spec = load_surface(SURFACE).features
    shared = {"half_lives": (), "transitions": 0, "context": False}
    names = compile_plan(spec.model_copy(update={**shared, "relative_of": ()})).names
    bases = tuple(name for name in spec.relative_of if name in names)
    return spec.model_copy(update={**shared, "relative_of": bases})


def by_sluice(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """The fold, over the columns that it reads."""
    return replay(spec, FeedbackKind.CLICK, read_feed(folder)).frame.features


ENGINES: dict[str, Engine] = {
    "sluice": by_sluice,
    "polars_rolling": by_polars_rolling,
    "polars_asof": by_polars_asof,
    "duckdb": by_duckdb,
}
AGAIN = {"sluice": 3, "polars_rolling": 1, "polars_asof": 1, "duckdb": 0}
"""Runs after the first, which warms whatever there is to warm. DuckDB's only one is taken as it is:
it has nothing to compile, and takes minutes."""


def cost(engine: str, folder: Path) -> dict[str, float]:
    """CPU and clock seconds of one engine's quickest run, and peak memory of its first one."""
    command = [sys.executable, "-m", "benchmarks.feature_run", engine, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def left(engine: str, folder: Path) -> NDArray[np.float32]:
    """The numbers of an engine that has run, as they lie in its file."""
    return np.load(folder / f"{engine}.npy", mmap_mode="r")


def _run(engine: str, folder: Path) -> dict[str, float]:
    keep_memory()
    spec = declared()
    run: list[NDArray[np.float32]] = []

    def compute() -> None:
        run.clear()
        run.append(ENGINES[engine](folder, spec))

    first = measure(compute, 1, warm=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    again = measure(compute, AGAIN[engine], warm=False) if AGAIN[engine] else first
    np.save(folder / f"{engine}.npy", run[0])
    best = Timing(min(first.cpu_s, again.cpu_s), min(first.wall_s, again.wall_s))
    return {"cpu_s": best.cpu_s, "wall_s": best.wall_s, "peak_mb": peak}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_run(sys.argv[1], Path(sys.argv[2]))) + "\n")
