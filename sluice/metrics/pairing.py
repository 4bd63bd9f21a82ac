"""One metric of the same requests under two rankings."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.metrics.evaluation import Evaluation


@dataclass(frozen=True)
class Paired:
    """Values of the same requests, side by side; higher is better."""

    metric: str
    candidate: NDArray[np.float64]
    """[requests]; NaN where a request could not be judged, which leaves it out of the pair."""
    reference: NDArray[np.float64]
    """[requests]."""
    users: NDArray[np.int64]
    """[requests]; code of the person, whose requests are not independent of each other."""
    weights: NDArray[np.float64]
    """[requests]; how much each counts in a mean."""

    def __post_init__(self) -> None:
        if not len(self.candidate) == len(self.reference) == len(self.users):
            raise DataError(
                f"cannot pair {self.metric}: {len(self.candidate)} candidate requests, "
                f"{len(self.reference)} reference requests, {len(self.users)} users; they must "
                "be the same requests in the same order"
            )

    @property
    def requests(self) -> int:
        return len(self.users)

    def where(self, chosen: NDArray[np.bool_]) -> "Paired":
        """The requests that are chosen, [requests]."""
        return replace(
            self,
            candidate=self.candidate[chosen],
            reference=self.reference[chosen],
            users=self.users[chosen],
            weights=self.weights[chosen],
        )

    def judged(self) -> "Paired":
        """The requests that both rankings could be judged on."""
        return self.where(~np.isnan(self.candidate) & ~np.isnan(self.reference))


def pair(
    candidate: Evaluation, reference: Evaluation, users: NDArray[np.int64], metric: str
) -> Paired:
    """One metric of two evaluations of the same requests; `users` [requests].

    Raises:
        DataError: the evaluations or `users` are not of the same requests, or lack the metric.
    """
    return Paired(
        metric=metric,
        candidate=candidate.vector(metric),
        reference=reference.vector(metric),
        users=users,
        weights=candidate.weight(metric),
    )
