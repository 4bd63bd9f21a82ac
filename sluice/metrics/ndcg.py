"""Normalised discounted cumulative gain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.metric import check_cutoff
from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class Ndcg:
    """Discounted gain of the first k ranks over that of the ideal order, truncated at k too.

    DCG@k = Σ_{r ≤ k} (2^grade_r - 1) / log2(r + 1) (Burges et al. 2005; Järvelin & Kekäläinen
    2002). A tied candidate gets the mean discount of the ranks that its tie group covers
    (McSherry & Najork 2008, eq. 4), which is the expectation over shuffled ties.
    """

    k: int

    def __post_init__(self) -> None:
        check_cutoff(self.k)

    @property
    def name(self) -> str:
        return f"ndcg@{self.k}"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        discounts = _cumulative_discounts(self.k)
        first = np.minimum(ranks.above, self.k)
        last = np.minimum(ranks.above + ranks.tied, self.k)
        mean_discount = (discounts[last] - discounts[first]) / ranks.tied
        achieved = ranks.total((np.exp2(ranks.grades) - 1) * mean_discount)
        return achieved / self._ideal(ranks, discounts)

    def _ideal(
        self, ranks: PositiveRanks, discounts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        best_first = np.lexsort((-ranks.grades, ranks.request))
        place = np.arange(len(best_first)) - np.repeat(ranks.starts[:-1], ranks.positives)
        place = np.minimum(place, self.k)
        discount = np.diff(discounts, append=discounts[-1])[place]
        return ranks.total((np.exp2(ranks.grades[best_first]) - 1) * discount)


def _cumulative_discounts(k: int) -> NDArray[np.float64]:
    """Sum of 1 / log2(r + 1) over the first 0, 1, ..., k ranks, [k + 1]."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
