"""The fold out of core: a long feed from Parquet, a generated day at a time."""

import math
import resource
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.feature_feeds import (
    GROWN_FROM,
    elsewhere,
    feed_config,
    long_feed,
    read_feed,
    scan,
    write_days,
)
from benchmarks.feature_run import declared
from benchmarks.timing import keep_memory, measure, report
from sluice.data.generated import generate_days
from sluice.data.schema import FeedbackKind
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.replay import replay_into


def fold_days(rows: int) -> dict[str, float]:
    """Peak memory, CPU seconds and their growth of a feed folded day by day, from Parquet."""
    keep_memory()
    spec = declared().model_copy(update={"horizon": "2d"})
    with tempfile.TemporaryDirectory() as name:
        elsewhere(write_days, Path(name), rows)
        days = sorted(Path(name).iterdir())
        _compile(spec)
        first = _fold(spec, days)[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        # As for a feed at once: the first run pays for memory that the machine has yet to find, and
        # the second has it, for nothing of the first is kept.
        folded, again, state = _fold(spec, days)
        spent = min(first, again, key=lambda run: run[-1])
        scanned = sum(measure(partial(scan, day), 1, warm=False).cpu_s for day in days)
    return {
        "rows": folded[-1],
        "fold_cpu_s": spent[-1],
        "times_the_scan": spent[-1] / scanned,
        "growth": math.log(spent[-1] / spent[GROWN_FROM])
        / math.log(folded[-1] / folded[GROWN_FROM]),
        "grown_from": folded[GROWN_FROM],
        "peak_mb": peak,
        "people_held": sum(name is not None for name in state.ids.users.ids),
        "people": long_feed(rows).users,
    }


def _fold(
    spec: FeatureSpec, days: list[Path]
) -> tuple[list[int], list[float], FeatureState]:
    """Exposures and CPU seconds up to the end of each day, from nothing on, and the state then."""
    folded, spent, begin = [0], [0.0], time.process_time()
    state = FeatureState.empty(spec)
    for day in days:
        frame = replay_into(state, FeedbackKind.CLICK, read_feed(day))
        folded.append(folded[-1] + frame.rows)
        spent.append(time.process_time() - begin)
        report(f"folded {folded[-1]:,} exposures in {spent[-1]:.1f} CPU s")
    state.forget()
    return folded, spent, state


def _compile(spec: FeatureSpec) -> None:
    """Fold a small feed in days and let its idle go, so that all kernels are there."""
    state = FeatureState.empty(spec)
    for day in generate_days(replace(feed_config(2000), days=GROWN_FROM)):
        replay_into(state, FeedbackKind.CLICK, day.tables)
    state.forget()


def show_days(figures: dict[str, float]) -> str:
    return (
        f"{figures['rows']:,} exposures from Parquet day by day: "
        f"{figures['fold_cpu_s']:.1f} CPU s ({figures['times_the_scan']:.1f} x the scan), growing as "
        f"n^{figures['growth']:.3f} from {figures['grown_from']:,} on; "
        f"{figures['peak_mb']:,.0f} MB at the peak; {figures['people_held']:,} of "
        f"{figures['people']:,} people in the state at the end"
    )
