"""How often the gates hold a candidate that is none the worse, and how often they stop one that is.

`python -m benchmarks.gates [--runs N] [--trees N] [--picture PNG] [--json]`: over the generated feed.

**A/A.** The same configuration is fitted `runs` times, each on another bootstrap draw of the same
people with another seed (a seed alone changes nothing in boosted trees without sampling). Each fit
meets the next as champion and candidate, two others give the noise floor of churn. What does not
pass is blocked without reason. Gates over figures without chance (data, leakage, freshness,
coverage, replay) have no such rate, but coverage is judged along.

**Detection.** A champion's scores are perturbed by noise of a known size, `runs` draws of each. The
true loss of a size is its mean over all draws, on everybody who is judged; each draw is then judged
on half of the people, as another log would have it. Scores are perturbed, not refitted: what is
measured is the gate, which sees scores and no trees. For calibration, probabilities are multiplied.

**Days.** See `benchmarks.gates_days`; **leaks**: see `benchmarks.gates_leaks`.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gates_days import over_days
from benchmarks.gates_days import show as shown_days
from benchmarks.gates_detection import detection
from benchmarks.gates_leaks import leaks
from benchmarks.gates_picture import picture
from benchmarks.gates_world import (
    GATES,
    METRIC,
    Fit,
    World,
    compared,
    fits,
    of_quality,
    other_gates,
    progress,
    ranking_gates,
    world,
)
from sluice.gates.calibration import CalibrationGate
from sluice.gates.churn import ChurnGate
from sluice.gates.ecosystem import EcosystemGate
from sluice.gates.quality import QualityGate
from sluice.gates.slices import SliceGate
from sluice.store.records import Outcome

MARGINS = (0.002, 0.005, 0.01, 0.02, 0.05)


def aa(case: World, made: list[Fit]) -> dict[str, Any]:
    """Outcomes by gate of every fit against the next, and of quality by its margin."""
    outcomes: dict[str, Counter[str]] = {}
    margins: dict[float, Counter[str]] = {margin: Counter() for margin in MARGINS}
    blocked = 0
    for nth, champion in enumerate(made):
        candidate, *noise = (made[(nth + ahead) % len(made)] for ahead in (1, 2, 3))
        judgements = (
            *ranking_gates(case, candidate, champion, noise),
            *other_gates(case, candidate, champion),
        )
        judged = {verdict.gate: verdict for verdict in judgements}
        for gate, verdict in judged.items():
            outcomes.setdefault(gate, Counter())[str(verdict.outcome)] += 1
        blocked += any(verdict.outcome is not Outcome.PASS for verdict in judged.values())
        row = compared(case, candidate.result, champion.result)
        for margin, count in margins.items():
            count[str(of_quality(row, margin).outcome)] += 1
        progress(f"A/A pair {nth + 1} of {len(made)}")
    return {
        "pairs": len(made),
        "blocked": {
            gate: 1 - count["pass"] / len(made) for gate, count in outcomes.items()
        },
        "failed": {gate: count["fail"] / len(made) for gate, count in outcomes.items()},
        "blocked_by_any": blocked / len(made),
        "quality_blocked_by_margin": {
            f"{margin:g}": 1 - count["pass"] / len(made)
            for margin, count in margins.items()
        },
    }


def run(runs: int, trees: int) -> dict[str, Any]:
    """All figures; at least four fits, of which two are the noise floor of the other two."""
    surface, case = world(trees)
    began = time.process_time()
    made = fits(surface, case, max(runs, 4))
    cost = time.process_time() - began
    return {
        "judged_requests": case.judged.requests,
        "judged_users": len(np.unique(case.judged.users)),
        "metric": METRIC,
        "margins": {
            "quality": GATES.of(QualityGate).margin,
            "slices": GATES.of(SliceGate).margin,
            "churn": GATES.of(ChurnGate).margin,
            "ecosystem": GATES.of(EcosystemGate).margin,
        },
        "calibration": [GATES.of(CalibrationGate).floor, GATES.of(CalibrationGate).ceiling],
        "fits_cpu_s": cost,
        "aa": aa(case, made),
        "detection": detection(case, made[0], made[1:3], runs),
        "days": over_days(case, made, runs),
        **leaks(),
    }


def _names(those: list[str]) -> str:
    return ", ".join(those) or "none"


def show(figures: dict[str, Any]) -> str:
    same, margins = figures["aa"], figures["margins"]
    lines = [
        f"{figures['judged_requests']:,} judged requests of {figures['judged_users']:,} people, "
        f"{same['pairs']} pairs of refits ({figures['fits_cpu_s']:.0f} CPU s)",
        "A/A: held without reason, and of these failed",
    ]
    lines += [
        f"  {gate:<12}{share:7.1%}{same['failed'][gate]:8.1%}"
        + (f"   margin {margins[gate]:.1%}" if gate in margins else "")
        for gate, share in same["blocked"].items()
    ]
    lines.append(f"  {'any of them':<12}{same['blocked_by_any']:7.1%}")
    by_margin = same["quality_blocked_by_margin"].items()
    lines.append(
        "  quality by margin: "
        + ", ".join(f"{float(m):.1%} {share:.0%}" for m, share in by_margin)
    )
    lines.append(
        f"{'true loss':>10}  quality held/failed  slices held/failed  churn held/failed"
    )
    for row in figures["detection"]["ranking"]:
        cells = [
            f"{row[f'{g}_held']:8.0%} /{row[f'{g}_failed']:5.0%}    "
            for g in ("quality", "slices", "churn")
        ]
        lines.append(f"{row['true_loss']:>10.2%}  {'  '.join(cells)}")
    lines += shown_days(figures["days"])
    planted, honest = figures["leaks"], figures["honest"]
    lines += [
        f"leaks: {planted['caught']} of {planted['of']} caught, escaped: {_names(planted['escaped'])}",
        f"honest: {honest['passed']} of {honest['of']} passed, held: {_names(honest['held'])}",
    ]
    low, high = figures["calibration"]
    lines.append(
        f"probabilities multiplied by, calibration within {low:g} to {high:g} held/failed"
    )
    lines += [
        f"{row['scale']:>10.2f}  {row['held']:8.0%} /{row['failed']:5.0%}"
        for row in figures["detection"]["calibration"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="fits, and draws of each size")
    parser.add_argument("--trees", type=int, default=40, help="of each fit")
    parser.add_argument("--picture", type=Path, help="where to draw the curve, a PNG")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    result = run(args.runs, args.trees)
    if args.picture:
        args.picture.write_bytes(picture(result))
    sys.stdout.write((json.dumps(result) if args.json else show(result)) + "\n")
