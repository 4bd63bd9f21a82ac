"""The lifecycle against a bare script: what the platform costs on top of features, fit and judging.

Both run as whole processes over the same log. The script reads the log, computes the same features,
fits the same candidate and baseline, and compares them; nothing is checked, stored, packaged,
served, reviewed or watched.

`python -m benchmarks.lifecycle [--json]`
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sluice.settings import SAFE_DEFAULTS

ROOT = Path(__file__).parents[1]


def bare() -> None:
    """The same work without the platform, from the generated feed to the table of differences."""
    from sluice.data.generated import FeedConfig, generate
    from sluice.data.tables import Window
    from sluice.flows import trial
    from sluice.flows.evaluation import evaluation
    from sluice.surface import load_surface

    surface = load_surface(ROOT / "surfaces" / "for_you.toml")
    config = FeedConfig()
    window = Window(config.start, config.start + timedelta(days=config.days - 1))
    tables = generate(config).tables
    prepared = trial.prepare(surface, tables.between(window), window)
    candidate = trial.fit(surface, prepared)
    baseline = trial.fit_baseline(surface, prepared)
    arrangement = trial.arranged(surface, prepared, candidate)
    evaluation(surface, prepared, candidate, arrangement, baseline, None)


def timed(arguments: list[str]) -> tuple[float, str]:
    """Wall seconds of a process, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env={**os.environ, **SAFE_DEFAULTS}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - began, done.stdout


def run() -> dict[str, Any]:
    """Wall seconds of both, and the platform's by step."""
    with tempfile.TemporaryDirectory() as home:
        demo = ["-m", "sluice", "demo", "--json"]
        script, _ = timed(["-m", "benchmarks.lifecycle", "--bare"])
        platform, printed = timed([*demo, "--home", home])
        again, _ = timed([*demo, "--home", home])
    steps = json.loads(printed)["seconds"]
    steps.pop("total")
    return {
        "bare_s": script,
        "lifecycle_s": platform,
        "rerun_s": again,
        "ratio": platform / script,
        "steps": steps,
        "between_steps_s": platform - sum(steps.values()),
    }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"bare script {figures['bare_s']:.1f} s, lifecycle {figures['lifecycle_s']:.1f} s "
        f"= {figures['ratio']:.1f} x; again, with everything done, {figures['rerun_s']:.1f} s",
        "where the lifecycle's seconds go:",
    ]
    steps = sorted(figures["steps"].items(), key=lambda step: -step[1])
    lines += [f"  {name:<18}{seconds:6.1f}" for name, seconds in steps]
    lines.append(
        f"  {'(between steps)':<18}{figures['between_steps_s']:6.1f}  imports, flow engine"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--bare", action="store_true", help="run the bare script only")
    args = parser.parse_args()
    if args.bare:
        bare()
    else:
        result = run()
        sys.stdout.write((json.dumps(result) if args.json else show(result)) + "\n")
