"""What live events cost: a batch pushed into a state that holds many, and a catch-up.

The generated feed of eight days is told as one day, so that the surface's longest window holds all of it.
Batches of 100 events then come one after the other, each followed by a request, as a service meets them;
and the whole feed is pushed into an empty state at once and counted, as at a service's start. Medians:
a machine that does other work too adds to the mean.

`python -m benchmarks.feature_pushes [--json] [--rows 2000000]`
"""

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.feature_feeds import DAYS, feed_config
from benchmarks.feature_run import SURFACE
from benchmarks.timing import report
from sluice.data.generated import generate
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.late import Late
from sluice.features.state.replay import context_of
from sluice.surface import load_surface

BATCH, PUSHES, CANDIDATES = 100, 200, 100
FIRST_OF = 10
"""Growth is measured from a state that holds one of so many events."""


def one_day(rows: int) -> LogTables:
    """A generated feed of about that many exposures, all told within a day."""
    tables = generate(feed_config(rows)).tables
    begin = tables.exposures["ts"].min()

    def squeezed(table: pl.DataFrame, *names: str) -> pl.DataFrame:
        since = pl.lit(begin, table.schema[names[0]])
        return table.with_columns(
            (since + (pl.col(name) - since) / DAYS).alias(name) for name in names
        )

    return LogTables(
        squeezed(tables.exposures, "ts"),
        squeezed(tables.feedback, "ts", "received_ts"),
        squeezed(tables.items, "valid_from", "published_at"),
    )


def _caught_up(past: LogTables) -> tuple[FeatureState, float, float]:
    """An empty state told everything, and the CPU seconds of telling and of counting it."""
    state = FeatureState.empty(load_surface(SURFACE).features, context_of(past))
    begin = time.process_time()
    state.push(past)
    pushed = time.process_time()
    state.advance(state.newest + 1)
    return state, pushed - begin, time.process_time() - pushed


def _pushes(state: FeatureState, coming: LogTables) -> tuple[list[float], list[float]]:
    """CPU milliseconds of each push, and of each request."""
    rng, spent, pushes = np.random.default_rng(3), [], []
    items = coming.items["item_id"].to_numpy()
    none = coming.items[:0]
    for nth in range(PUSHES):
        rows = slice(nth * BATCH, (nth + 1) * BATCH)
        shown = coming.exposures[rows]
        clicks = coming.feedback[nth * BATCH // 10 : (nth + 1) * BATCH // 10]
        begin = time.process_time()
        state.push(LogTables(shown, clicks, none), Late.COUNT)
        spent.append(time.process_time() - begin)
        candidates = tuple(rng.choice(items, CANDIDATES, replace=False).tolist())
        request = Request(shown["user_id"][0], candidates, state.newest + 1)
        state.advance(request.ts)
        begin = time.process_time()
        state.answer(request)
        pushes.append(time.process_time() - begin)
    return [1e3 * entry for entry in spent], [1e3 * entry for entry in pushes]


def _figures(tables: LogTables, rows: int) -> dict[str, float]:
    """What pushes cost into a state that holds so many exposures, told at once."""
    now = tables.exposures["ts"][rows]
    shown, received = tables.exposures["ts"] < now, tables.feedback["received_ts"] < now
    past = LogTables(
        tables.exposures.filter(shown), tables.feedback.filter(received), tables.items
    )
    coming = LogTables(
        tables.exposures.filter(~shown), tables.feedback.filter(~received), tables.items
    )  # fmt: skip
    _caught_up(past)
    state, figures, counted = _caught_up(past)
    queue = state.known.queue
    held = int((queue.end - queue.first).sum())
    pushes, answers = _pushes(state, coming)
    return {
        "events": held,
        "catch_up_s": figures + counted,
        # The first after a start lays out anew what was told at once, to give it room.
        "first_push_ms": pushes[0],
        "push_ms": float(np.median(pushes)),
        "ask_ms": float(np.median(answers)),
    }


def run(rows: int) -> dict[str, Any]:
    """Figures of a state of so many exposures and of a tenth, and how much the pushes' cost grew."""
    tables = one_day(rows + rows // 10)
    small, large = (_figures(tables, many) for many in (rows // FIRST_OF, rows))
    report("measured")
    return {**large, "small": small, "growth": large["push_ms"] / small["push_ms"]}


def show(figures: dict[str, Any]) -> str:
    return (
        f"{figures['events']:,} events held: told and counted in {figures['catch_up_s']:.2f} CPU s; "
        f"{BATCH} more in {figures['push_ms']:.2f} CPU ms ({figures['growth']:.2f} x that of a tenth "
        f"of the events; the first, which makes room, {figures['first_push_ms']:.0f}); "
        f"{CANDIDATES} candidates answered in {figures['ask_ms']:.3f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=2_000_000)
    args = parser.parse_args()
    result = run(args.rows)
    sys.stdout.write((json.dumps(result) if args.json else show(result)) + "\n")
