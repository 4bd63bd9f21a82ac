"""nDCG@10 on MQ2008 (LETOR 4.0): graded documents, five folds, as their authors cut them.

In each fold three parts are fitted, the fourth chooses among a few declared parameters, which
are then fitted on all four, and the fifth is judged: over its queries with a relevant document.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sluice.data.adapters import read_source
from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.metrics import evaluate
from sluice.rankers import make_ranker

PARTS = 5
METRIC = "ndcg@10"
_SAMPLED = {
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "l2": 10.0,
    "learning_rate": 0.03,
}
CHOICES: tuple[Mapping[str, Any], ...] = (
    {"trees": 200, "leaves": 7, "min_rows_per_leaf": 50},
    {"trees": 300, "leaves": 8, "min_rows_per_leaf": 20, **_SAMPLED},
    {"trees": 150, "leaves": 31, "min_rows_per_leaf": 100, **_SAMPLED},
)
_SPEC = FeatureSpec(windows=(), half_lives=(), age=False, user_item=False, context=True)


def read_part(folder: Path, part: int) -> RankingFrame:
    """One of the five files, its own columns alone: what was counted over queries is no feature."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(folder / f"S{part}.txt", name)
        tables = read_source("letor", Path(name))
    frame = replay(_SPEC, FeedbackKind.RELEVANCE, tables).frame
    kept = [nth for nth, name in enumerate(frame.names) if name.startswith(CONTEXT_PREFIX)]
    return RankingFrame(
        **{
            **frame.__dict__,
            "names": tuple(frame.names[nth] for nth in kept),
            "features": frame.features[:, kept],
        }
    )


def joined(parts: Sequence[RankingFrame]) -> RankingFrame:
    """One frame of several parts' queries, in their order."""

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return RankingFrame(
        names=parts[0].names,
        features=stacked("features"),
        labels=stacked("labels"),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        ts=np.arange(len(sizes), dtype=np.int64),
        request_ids=stacked("request_ids"),
        users=np.arange(len(sizes)),
        item_ids=stacked("item_ids"),
        positions=stacked("positions"),
    )


def judged(
    parameters: Mapping[str, Any], fitted: Sequence[RankingFrame], later: RankingFrame
) -> tuple[float, int]:
    """Mean nDCG@10, and over how many queries."""
    ranker = make_ranker("lambdamart", {"num_threads": 1, **parameters})
    ranker = ranker.fit(joined(fitted), np.random.default_rng(7))
    evaluation = evaluate(ranker.score(later.features, later.offsets), later)
    return evaluation.mean(METRIC), evaluation.requests - evaluation.dropped


def run(folder: Path) -> dict[str, Any]:
    """Mean over the folds, each fold's figure, and the choice made in it."""
    parts = [read_part(folder, part) for part in range(1, PARTS + 1)]
    folds = []
    for fold in range(PARTS):
        *training, validation, test = (parts[(fold + nth) % PARTS] for nth in range(PARTS))
        values = [judged(choice, training, validation)[0] for choice in CHOICES]
        chosen = int(np.argmax(values))
        value, queries = judged(CHOICES[chosen], [*training, validation], test)
        folds.append({METRIC: value, "queries": queries, "chosen": chosen})
    return {METRIC: float(np.mean([fold[METRIC] for fold in folds])), "folds": folds}


def show(figures: Mapping[str, Any]) -> str:
    folds = ", ".join(f"{fold[METRIC]:.4f}" for fold in figures["folds"])
    queries = sum(fold["queries"] for fold in figures["folds"])
    return (
        f"MQ2008: nDCG@10 {figures[METRIC]:.4f}, mean of five folds ({folds}), "
        f"{queries} queries with a relevant document"
    )
