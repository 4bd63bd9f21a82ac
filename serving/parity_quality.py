"""How well people were served against how well they would have been with everything available."""

from collections.abc import Collection, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.features.strings.codes import fingerprints
from sluice.metrics import PairedComparison, compare, evaluate
from sluice.metrics.ndcg import Ndcg
from sluice.serving.recomputation import Answered

METRIC = Ndcg(10)
_SEED = 20_260_105
Labels = Mapping[str, Mapping[str, float]]
"""By request and item, the largest value that was received."""


def labels_of(
    feedback: pl.DataFrame, kind: FeedbackKind, requests: Collection[str]
) -> Labels:
    """Labels of some requests, as the gates take them: of the declared kind, however late."""
    received = (
        feedback.filter(
            pl.col("kind") == kind.value,
            pl.col("request_id").is_in(
                pl.Series(list(requests), dtype=pl.String).implode()
            ),
        )
        .group_by("request_id", "item_id")
        .agg(pl.col("value").max())
    )
    labels: dict[str, dict[str, float]] = {}
    for request, item, value in received.iter_rows():
        labels.setdefault(request, {})[item] = value
    return labels


class Quality:
    """Gathers served and complete scores of requests with a label; the last answer of each counts."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._answers: dict[str, tuple[Answered, NDArray[np.float64]]] = {}

    def add(self, answered: Answered) -> None:
        """Take an answer, where its request has a label and could be completed."""
        prediction = answered.answer.prediction
        labels = self._labels.get(prediction.request_id)
        if labels is not None and answered.complete is not None:
            grades = np.array([labels.get(item, 0.0) for item in prediction.candidates])
            self._answers[prediction.request_id] = (answered, grades)

    def compared(self) -> PairedComparison | None:
        """Served minus complete, with an interval clustered by user; None with too few labels."""
        if not self._answers:
            return None
        frame = self._frame()
        pairs = self._answers.values()
        served = np.concatenate(
            [np.array(pair.answer.prediction.scores) for pair, _ in pairs]
        )
        complete = np.concatenate([pair.scores for pair, _ in pairs])
        ours, theirs = (evaluate(scores, frame, (METRIC,)) for scores in (served, complete))
        rng = np.random.default_rng(_SEED)
        try:
            return compare(ours, theirs, frame.users, METRIC.name, rng=rng)
        except TooLittleData:
            return None

    def _frame(self) -> RankingFrame:
        pairs = list(self._answers.values())
        frame = [pair.answer.prediction for pair, _ in pairs]
        offsets = np.cumsum([0, *(len(grades) for _, grades in pairs)])
        rows = int(offsets[-1])
        return RankingFrame(
            names=(),
            features=np.empty((rows, 0), np.float32),
            labels=np.concatenate([grades for _, grades in pairs]),
            offsets=offsets,
            ts=np.array([request.ts for request in frame], np.int64),
            request_ids=np.array([request.request_id for request in frame], np.str_),
            users=fingerprints(pl.Series([request.user_id for request in frame])),
            item_ids=np.concatenate(
                [np.array(request.candidates, np.str_) for request in frame]
            ),
            positions=np.zeros(rows, np.int32),
        )
