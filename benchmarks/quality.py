"""Ranking quality on a real news week and on graded documents, and what it hangs on.

EB-NeRD demo, train week: fitted before 2023-05-23 07:00 UTC, judged on the later impressions, no
embargo. Each group is left out in turn, together with its forms within the request; and the
whole is fitted again as if every event were known some minutes late. The columns of `features.alike`
are added for two families, for two days before too, some minutes late, and as a placebo: with people's
vectors given to others. MQ2008: see `benchmarks.mq2008`.

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
from numpy.typing import NDArray

from benchmarks import mq2008
from benchmarks.timing import measure
from sluice.data.adapters import read_source
from sluice.data.tables import LogTables
from sluice.features.declaration.alike import AlikeSpec
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.alike_vectors import permuted, user_vectors
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.metrics import Evaluation, compare, evaluate
from sluice.rankers import make_ranker
from sluice.surface import Surface, load_surface

Parts = tuple[RankingFrame, RankingFrame]
"""Requests to fit and requests to judge."""
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
FAMILIES = ("lambdamart", "mlp")
"""That are judged with the columns of who clicks alike and without."""
EARLIER = datetime(2023, 5, 21, 7, tzinfo=UTC)
"""End of another fit, judged on the two days up to `FIT_END`: what was chosen was chosen later."""


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


def split(frame: RankingFrame) -> tuple[RankingFrame, RankingFrame]:
    """Requests to fit and requests to judge."""
    return frame.split_at(round(FIT_END.timestamp() * 1e6))


def judged(surface: Surface, frame: RankingFrame, group: str | None) -> Evaluation:
    fitted, later = split(without(frame, group))
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
    later = split(frame)[1]
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
        "alike": alike(surface, tables),
    }


def alike(surface: Surface, tables: LogTables) -> dict[str, Any]:
    """Families with the columns of who clicks alike, and what they gain by them, by case."""
    spec, rng = surface.features, np.random.default_rng(surface.ranker.seed)

    def fit_to_others(*asked: Any) -> NDArray[np.int16]:
        return permuted(user_vectors(*asked), rng)

    def frames(spec: FeatureSpec, **made: Any) -> tuple[RankingFrame, RankingFrame]:
        columns = spec.model_copy(update={"alike": AlikeSpec()})
        return (
            replay(spec, surface.data.label, tables).frame,
            replay(columns, surface.data.label, tables, **made).frame,
        )

    plain, columns = frames(spec)
    cases = {
        "": (split(plain), split(columns)),
        "the two days before": (earlier(plain), earlier(columns)),
        "known 10 m late": tuple(
            map(split, frames(spec.model_copy(update={"embargo": "10m"})))
        ),
        "placebo": tuple(map(split, frames(spec, vectors=fit_to_others))),
    }
    return {
        f"{family} {case}".strip(): gain(surface, family, *parts)
        for family in FAMILIES
        for case, parts in cases.items()
    }


def earlier(frame: RankingFrame) -> tuple[RankingFrame, RankingFrame]:
    return split(frame)[0].split_at(round(EARLIER.timestamp() * 1e6))


def gain(surface: Surface, family: str, plain: Parts, columns: Parts) -> dict[str, Any]:
    """Of a family with other columns over the same with the plain ones."""
    declared = surface.ranker.parameters if family == surface.ranker.family else {}
    before, after = (
        evaluate(
            make_ranker(family, declared)
            .fit(fitted, np.random.default_rng(surface.ranker.seed))
            .score(later.features, later.offsets),
            later,
        )
        for fitted, later in (plain, columns)
    )
    later, rng = plain[1], np.random.default_rng(0)
    rows = {name: compare(after, before, later.users, name, rng=rng) for name in REPORTED}
    return {
        "without": means(before),
        "with": means(after),
        "difference": {
            name: (row.difference, row.low, row.high) for name, row in rows.items()
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
    for name, row in figures["alike"].items():
        before, after = row["without"], row["with"]
        difference, low, high = row["difference"]["auc"]
        lines.append(
            f"  {name:<36} AUC {before['auc']:.4f}  nDCG@10 {before['ndcg@10']:.4f}; who clicks alike "
            f"{after['auc']:.4f}, {after['ndcg@10']:.4f} "
            f"(AUC {difference:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
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
