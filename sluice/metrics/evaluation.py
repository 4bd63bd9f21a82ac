"""Every metric of every request, from one pass over the candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.features.state.frame import RankingFrame
from sluice.metrics.auc import Auc
from sluice.metrics.metric import Metric, Weighted
from sluice.metrics.ndcg import Ndcg
from sluice.metrics.ranks import rank_positives
from sluice.metrics.recall import Recall
from sluice.metrics.reciprocal_rank import ReciprocalRank

DEFAULT: tuple[Metric, ...] = (
    Auc(),
    ReciprocalRank(),
    Ndcg(5),
    Ndcg(10),
    Recall(5),
    Recall(10),
)
"""What every report of a ranker shows."""


@dataclass(frozen=True)
class Evaluation:
    """Per-request values of some metrics, by canonical name."""

    values: Mapping[str, NDArray[np.float64]]
    """[requests] each; NaN where a request cannot be judged by it."""
    requests: int
    dropped: int
    """Requests of which no ranking is better than another, as a metric sees it: without both a
    positive and a negative."""
    weights: Mapping[str, NDArray[np.float64]] = field(
        default_factory=dict[str, NDArray[np.float64]]
    )
    """[requests] each, by metric; every request of a metric without an entry counts the same."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.values)

    def vector(self, name: str) -> NDArray[np.float64]:
        """Values of one metric, [requests].

        Raises:
            DataError: it was not evaluated; the message lists those that were.
        """
        if name not in self.values:
            raise DataError(
                f"no metric {name!r} was evaluated; there are: {', '.join(self.names)}"
            )
        return self.values[name]

    def weight(self, name: str) -> NDArray[np.float64]:
        """How much each request counts in the mean of one metric, [requests]."""
        return self.weights.get(name, np.ones(self.requests))

    def mean(self, name: str) -> float:
        """Weighted mean of one metric over the requests that could be judged.

        Raises:
            TooLittleData: none could.
        """
        values = self.vector(name)
        judged = ~np.isnan(values)
        if not judged.any():
            raise TooLittleData(
                f"no mean {name}: none of {self.requests} requests can be judged by it"
            )
        return float(np.average(values[judged], weights=self.weight(name)[judged]))


def evaluate(
    scores: NDArray[np.float64], frame: RankingFrame, metrics: Sequence[Metric] = DEFAULT
) -> Evaluation:
    """Judge `scores` [rows] by the frame's labels; ties count as if shuffled (see `Metric`).

    Raises:
        DataError: scores are NaN or not one a row, or labels are no grades.
    """
    ranks = rank_positives(scores, frame.labels, frame.offsets)
    values = {metric.name: metric.per_request(ranks) for metric in metrics}
    weights = {
        metric.name: metric.weights(ranks)
        for metric in metrics
        if isinstance(metric, Weighted)
    }
    dropped = int((ranks.positives == 0).sum())
    return Evaluation(values, frame.requests, dropped, weights)
