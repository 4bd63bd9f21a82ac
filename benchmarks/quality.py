"""Ranking quality on a real news week and on graded documents, and what it hangs on.

EB-NeRD demo, train week: fitted before 2023-05-23 07:00 UTC, judged on the later impressions, no
embargo. Each group is left out in turn, together with its forms within the request; and the
whole is fitted again as if every event were known some minutes late. MQ2008: see
`benchmarks.mq2008`.

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

from benchmarks import mq2008
from benchmarks.timing import measure
from sluice.data.adapters import read_source
from sluice.data.tables import LogTables
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
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
EMBARGOES = ("1m", "10m")


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
    return evaluate(ranker.score(later.features, later.offsets), later)


def run() -> dict[str, Any]:
    """Quality of the whole declaration, of the baseline, without each group, and embargoed."""
    surface = load_surface(ROOT / "surfaces" / "for_you.toml")
    tables = read_source("ebnerd", data_folder() / "ebnerd_demo" / "train")
    kept: list[tuple[RankingFrame, Evaluation]] = []

    def pipeline() -> None:
        frame = replay(surface.features, surface.data.label, tables).frame
        kept.append((frame, judged(surface, frame, None)))

    cost = measure(pipeline, 1, warm=False)
    frame, whole = kept[0]
    later = frame.split_at(round(FIT_END.timestamp() * 1e6))[1]
    baseline = evaluate(later.column("item.click.24h").astype(np.float64), later)
    rows = {"everything": whole, "clicks of the last 24 h": baseline}
    ablation = {group: judged(surface, frame, group) for group in GROUPS}
    late = {embargo: embargoed(surface, tables, embargo) for embargo in EMBARGOES}
    return {
        "requests": later.requests,
        "features": len(frame.names),
        "features_fit_and_judge_wall_s": cost.wall_s,
        "features_fit_and_judge_cpu_s": cost.cpu_s,
        "quality": {name: means(row) for name, row in rows.items()},
        "without": {
            group: {**means(evaluation), **loss(whole, evaluation, later)}
            for group, evaluation in ablation.items()
        },
        "embargo": {
            embargo: {**means(evaluation), **loss(whole, evaluation, later)}
            for embargo, evaluation in late.items()
        },
    }


def embargoed(surface: Surface, tables: LogTables, embargo: str) -> Evaluation:
    """As if nothing were known before it is so old; offline as in serving."""
    late = surface.features.model_copy(update={"embargo": embargo})
    return judged(surface, replay(late, surface.data.label, tables).frame, None)


def means(evaluation: Evaluation) -> dict[str, float]:
    return {name: evaluation.mean(name) for name in REPORTED}


def loss(
    whole: Evaluation, evaluation: Evaluation, later: RankingFrame
) -> dict[str, Sequence[float]]:
    row = compare(evaluation, whole, later.users, "ndcg@10", rng=np.random.default_rng(0))
    return {"ndcg@10 difference": (row.difference, row.low, row.high)}


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"EB-NeRD: {figures['requests']:,} later requests, {figures['features']} features; "
        f"features, fit and judgement in {figures['features_fit_and_judge_wall_s']:.0f} s "
        f"({figures['features_fit_and_judge_cpu_s']:.0f} CPU-s)"
    ]
    for name, row in figures["quality"].items():
        lines.append(f"  {name:<36} AUC {row['auc']:.4f}  nDCG@10 {row['ndcg@10']:.4f}")
    changed = {f"without {group}": row for group, row in figures["without"].items()}
    changed |= {f"embargo of {name}": row for name, row in figures["embargo"].items()}
    for name, row in changed.items():
        difference, low, high = row["ndcg@10 difference"]
        lines.append(
            f"  {name:<36} AUC {row['auc']:.4f}  nDCG@10 {row['ndcg@10']:.4f}"
            f"  ({difference:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    for needed in ("ebnerd_demo", "mq2008"):
        if not (data_folder() / needed).is_dir():
            sys.stderr.write(f"no {needed} under {data_folder()}; set SLUICE_TEST_DATA\n")
            sys.exit(0)
    graded = mq2008.run(data_folder() / "mq2008")
    result = {**run(), "mq2008": graded}
    shown = f"{show(result)}\n{mq2008.show(graded)}"
    sys.stdout.write((json.dumps(result) if as_json else shown) + "\n")
