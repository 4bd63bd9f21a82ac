"""What the columns of who clicks alike cost: the fold, people's vectors, one answer, an item.

The surface's own features of a generated feed, with `[features.alike]` and without. The fold is what
replays every request; people's vectors, one set a day, are told apart from it.

`python -m benchmarks.alike [--json] [--rows 2000000]`
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feature_feeds import elsewhere, read_feed, write_feed
from benchmarks.feature_run import SURFACE
from benchmarks.timing import keep_memory
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.alike import AlikeSpec
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.alike_vectors import Clicks, Vectors, user_vectors
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.replay import replay
from sluice.surface import load_surface

REPEAT, CANDIDATES, ROUNDS, ASKED = 3, 100, 30, 50


def folded(spec: FeatureSpec, tables: LogTables) -> tuple[float, float, FeatureState]:
    """CPU seconds of the cheapest replay, of them for people's vectors, and the state that it leaves."""
    spent, runs = 0.0, []

    def timed(clicks: Clicks, users: int, dimensions: int) -> Vectors:
        nonlocal spent
        begin = time.process_time()
        fitted = user_vectors(clicks, users, dimensions)
        spent += time.process_time() - begin
        return fitted

    replayed = replay(spec, FeedbackKind.CLICK, tables)
    for _ in range(REPEAT):
        spent, begin = 0.0, time.process_time()
        replayed = replay(spec, FeedbackKind.CLICK, tables, vectors=timed)
        runs.append((time.process_time() - begin - spent, spent))
    return *min(runs), replayed.state


def answered(state: FeatureState, tables: LogTables) -> float:
    """CPU milliseconds of one request of a hundred candidates, of the cheapest round."""
    rng, best = np.random.default_rng(0), float("inf")
    items = tables.exposures["item_id"].tail(20_000).unique().sort().to_numpy()
    users = tables.exposures["user_id"].tail(20_000).unique().sort().to_list()[:ASKED]
    requests = [
        Request(
            user, tuple(rng.choice(items, CANDIDATES, replace=False)), state.earliest + nth
        )
        for nth, user in enumerate(users)
    ]
    for _ in range(ROUNDS):
        begin = time.thread_time()
        for request in requests:
            state.features(request)
        best = min(best, time.thread_time() - begin)
    return 1e3 * best / len(requests)


def run(rows: int) -> dict[str, Any]:
    """Figures without the columns and with them."""
    keep_memory()
    plain = load_surface(SURFACE).features
    with tempfile.TemporaryDirectory() as name:
        elsewhere(write_feed, Path(name), rows)
        tables = read_feed(Path(name))
    figures: dict[str, Any] = {"rows": len(tables.exposures)}
    for case, alike in (("without", None), ("with", AlikeSpec())):
        spec = plain.model_copy(update={"alike": alike})
        fold, vectors, state = folded(spec, tables)
        sums = state.known.alike.sums
        figures[case] = {
            "columns": len(state.names), "fold_cpu_s": fold, "vectors_cpu_s": vectors,
            "answer_ms": answered(state, tables), "bytes_an_item": sums.itemsize * sums.shape[1],
        }  # fmt: skip
    before, after = figures["without"], figures["with"]
    figures["times_the_fold"] = after["fold_cpu_s"] / before["fold_cpu_s"]
    figures["answer_ms_more"] = after["answer_ms"] - before["answer_ms"]
    return figures


def show(figures: dict[str, Any]) -> str:
    lines = [f"{figures['rows']:,} exposures"]
    lines += [
        f"  {case:<8}{row['columns']:4} columns  fold {row['fold_cpu_s']:.2f} CPU-s  vectors "
        f"{row['vectors_cpu_s']:.2f}  {CANDIDATES} candidates {row['answer_ms']:.3f} CPU-ms  "
        f"{row['bytes_an_item']} bytes an item"
        for case, row in figures.items()
        if case in ("without", "with")
    ]
    lines.append(
        f"fold {figures['times_the_fold']:.2f} x; an answer {figures['answer_ms_more']:+.3f} CPU-ms"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    arguments = parser.parse_args()
    result = run(arguments.rows)
    sys.stdout.write((json.dumps(result) if arguments.json else show(result)) + "\n")
