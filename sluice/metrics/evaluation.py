"""Every metric of every request, from one pass over the candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData
from sluice.features.frame import RankingFrame
from sluice.metrics.auc import Auc
from sluice.metrics.metric import Metric
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
    """[requests] each; NaN where a request lacks one of the classes."""
    requests: int
    dropped: int
    """Requests without both a positive and a negative: no ranking of them is better than another."""

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

    def mean(self, name: str) -> float:
        """Mean of one metric over the requests that could be judged.

        Raises:
            TooLittleData: none could.
        """
        values = self.vector(name)
        if self.dropped == self.requests:
            raise TooLittleData(
                f"no mean {name}: none of {self.requests} requests has both classes"
            )
        return float(np.nanmean(values))


def evaluate(
    scores: NDArray[np.float64], frame: RankingFrame, metrics: Sequence[Metric] = DEFAULT
) -> Evaluation:
    """Judge `scores` [rows] by the frame's labels; ties count as if shuffled (see `Metric`).

    Raises:
        DataError: scores are NaN or not one a row, or labels are no grades.
    """
    ranks = rank_positives(scores, frame.labels, frame.offsets)
    values = {metric.name: metric.per_request(ranks) for metric in metrics}
    dropped = int((ranks.positives == 0).sum())
    return Evaluation(values=values, requests=frame.requests, dropped=dropped)
