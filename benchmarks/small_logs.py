"""What a small log gets of the shipped surface: trees as declared, as sized, and its best column alone.

Cuts of EB-NeRD's train week and of the generated feed: the last so many requests before a moment are
fitted, those after it judged. MQ2008: one of its parts is fitted, the fifth judged. The column is the one
that orders the fitted requests best, as `sluice.rankers.sizing` picks it.

`python -m benchmarks.small_logs [--json]`, with the data under ../shared/data or SLUICE_TEST_DATA.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import mq2008
from benchmarks.quality import FIT_END, ROOT, data_folder
from sluice.data.adapters import read_source
from sluice.data.generated import FeedConfig, generate
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.metrics import evaluate
from sluice.rankers import make_ranker
from sluice.rankers.search import Task
from sluice.rankers.sizing import SizingSpec, best_column, choose_size
from sluice.surface import Surface, load_surface

CUTS = (500, 1_000, 2_000, 4_000, 8_000)
JUDGED = 6_000
"""Later requests, at most."""


@dataclass(frozen=True)
class Cut:
    """Requests to fit, and later ones."""

    name: str
    fitted: RankingFrame
    later: RankingFrame


def cuts(surface: Surface) -> Iterator[Cut]:
    """Every small log, one after the other."""
    features, label = surface.features, surface.data.label
    feed = generate(FeedConfig(users=1_500, days=6, requests_per_day=4_000)).tables
    frame = replay(features, label, feed).frame
    half = frame.requests // 2
    yield from _before(half, frame, "feed")
    if (data_folder() / "ebnerd_demo").is_dir():
        tables = read_source("ebnerd", data_folder() / "ebnerd_demo" / "train")
        frame = replay(features, label, tables).frame
        end = frame.split_at(round(FIT_END.timestamp() * 1e6))[0].requests
        yield from _before(end, frame, "ebnerd")
        yield from _before(end // 2, frame, "ebnerd, earlier")
    if (data_folder() / "mq2008").is_dir():
        parts = [
            mq2008.read_part(data_folder() / "mq2008", number) for number in range(1, 6)
        ]
        for number, part in enumerate(parts[:-1], 1):
            yield Cut(f"mq2008 part {number}", part, parts[-1])


def _before(end: int, frame: RankingFrame, name: str) -> Iterator[Cut]:
    later = frame.take(end, min(end + JUDGED, frame.requests))
    for size in CUTS:
        if size <= end:
            yield Cut(f"{name} {size:,}", frame.take(end - size, end), later)


def figures(surface: Surface, cut: Cut) -> dict[str, Any]:
    """AUC of the later requests by each of the three, and what was chosen."""
    declared = {**surface.ranker.parameters, "num_threads": 1}
    task = Task(
        surface.ranker.family, declared, cut.fitted,
        lambda scores, part: evaluate(scores, part).mean("ndcg@10"), surface.ranker.seed,
    )  # fmt: skip
    sized = choose_size(task, SizingSpec())
    family, chosen = (
        (task.family, declared) if sized is None else (sized.family, sized.parameters)
    )
    column = best_column(cut.fitted, task.judge)
    return {
        "log": cut.name,
        "fitted": cut.fitted.requests,
        "declared": _later(cut, task.family, declared),
        "sized": _later(cut, family, chosen),
        "column": _later(cut, "popularity", {"feature": column}),
        "chosen": _short(family, chosen),
    }


def _later(cut: Cut, family: str, parameters: Mapping[str, Any]) -> dict[str, float]:
    fitted = make_ranker(family, parameters).fit(cut.fitted, np.random.default_rng(7))
    evaluation = evaluate(fitted.score(cut.later.features, cut.later.offsets), cut.later)
    return {name: evaluation.mean(name) for name in ("auc", "ndcg@10")}


def _short(family: str, parameters: Mapping[str, Any]) -> str:
    if family == "popularity":
        return str(parameters["feature"])
    return f"{parameters['trees']} x {parameters['leaves']}"


def show(rows: list[dict[str, Any]]) -> str:
    """AUC, a line a log."""
    lines = [f"{'log':<22}{'declared':>9}{'sized':>9}{'column':>9}  chosen"]
    lines += [
        f"{row['log']:<22}{row['declared']['auc']:9.4f}{row['sized']['auc']:9.4f}"
        f"{row['column']['auc']:9.4f}  {row['chosen']}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    shipped = load_surface(ROOT / "surfaces" / "for_you.toml")
    measured = [figures(shipped, cut) for cut in cuts(shipped)]
    sys.stdout.write((json.dumps(measured) if as_json else show(measured)) + "\n")
