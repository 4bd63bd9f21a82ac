"""Ranking quality on a real news week, and what each group of features is worth.

EB-NeRD demo, train week: fitted before 2023-05-23 07:00 UTC, judged on the later impressions, no
embargo. Each group is left out in turn, together with its forms within the request.

`python -m benchmarks.quality [--json]`, with the data under ../shared/data or SLUICE_TEST_DATA.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sluice.data.adapters import read_source
from sluice.features.frame import RankingFrame
from sluice.features.replay import replay
from sluice.metrics import Evaluation, compare, evaluate
from sluice.rankers import make_ranker
from sluice.surface import Surface, load_surface

ROOT = Path(__file__).parents[1]
FIT_END = datetime(2023, 5, 23, 7, tzinfo=UTC)
GROUPS = {
    "windowed counts and rates": ("item.exposure.", "item.click.", "item.ctr."),
    "decayed counts and rates": ("decay_",),
    "age": ("item.age",),
    "user-item history": ("user_item.",),
    "transitions": ("transition.",),
    "forms within the request": (".rank", ".share", ".difference"),
    "context": ("context_", "request.size"),
}
REPORTED = ("auc", "ndcg@10")


def data_folder() -> Path:
    return Path(os.environ.get("SLUICE_TEST_DATA", ROOT.parent / "shared" / "data"))


def belongs(name: str, group: str) -> bool:
    """Whether a column is of the group; decayed counters are none of the windowed ones."""
    windowed = group == "windowed counts and rates"
    return any(mark in name for mark in GROUPS[group]) and not (
        windowed and "decay_" in name
    )


def without(frame: RankingFrame, group: str | None) -> RankingFrame:
    kept = [
        nth
        for nth, name in enumerate(frame.names)
        if group is None or not belongs(name, group)
    ]
    names = tuple(frame.names[nth] for nth in kept)
    return RankingFrame(
        **{**frame.__dict__, "names": names, "features": frame.features[:, kept]}
    )


def judged(surface: Surface, frame: RankingFrame, group: str | None) -> Evaluation:
    fitted, later = without(frame, group).split_at(round(FIT_END.timestamp() * 1e6))
    ranker = make_ranker(surface.ranker.family, surface.ranker.parameters)
    ranker = ranker.fit(fitted, np.random.default_rng(surface.ranker.seed))
    return evaluate(ranker.score(later.features), later)


def run() -> dict[str, Any]:
    """Quality of the whole declaration, of the baseline, and without each group."""
    surface = load_surface(ROOT / "surfaces" / "for_you.toml")
    tables = read_source("ebnerd", data_folder() / "ebnerd_demo" / "train")
    frame = replay(surface.features, surface.data.label, tables).frame
    later = frame.split_at(round(FIT_END.timestamp() * 1e6))[1]
    whole = judged(surface, frame, None)
    baseline = evaluate(later.column("item.click.24h").astype(np.float64), later)
    rows = {"everything": whole, "clicks of the last 24 h": baseline}
    ablation = {group: judged(surface, frame, group) for group in GROUPS}
    return {
        "requests": later.requests,
        "features": len(frame.names),
        "quality": {name: means(found) for name, found in rows.items()},
        "without": {
            group: {**means(found), **loss(whole, found, later)}
            for group, found in ablation.items()
        },
    }


def means(found: Evaluation) -> dict[str, float]:
    return {name: found.mean(name) for name in REPORTED}


def loss(
    whole: Evaluation, found: Evaluation, later: RankingFrame
) -> dict[str, Sequence[float]]:
    row = compare(found, whole, later.users, "ndcg@10", rng=np.random.default_rng(0))
    return {"ndcg@10 difference": (row.difference, row.low, row.high)}


def show(figures: dict[str, Any]) -> str:
    lines = [f"{figures['requests']:,} later requests, {figures['features']} features"]
    for name, row in figures["quality"].items():
        lines.append(f"  {name:<36} AUC {row['auc']:.4f}  nDCG@10 {row['ndcg@10']:.4f}")
    for group, row in figures["without"].items():
        difference, low, high = row["ndcg@10 difference"]
        lines.append(
            f"  without {group:<28} AUC {row['auc']:.4f}  nDCG@10 {row['ndcg@10']:.4f}"
            f"  ({difference:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    if not (data_folder() / "ebnerd_demo").is_dir():
        sys.stderr.write(f"no ebnerd_demo under {data_folder()}; set SLUICE_TEST_DATA\n")
        sys.exit(0)
    result = run()
    sys.stdout.write((json.dumps(result) if as_json else show(result)) + "\n")
