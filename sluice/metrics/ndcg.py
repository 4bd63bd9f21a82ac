"""Normalised discounted cumulative gain."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.metric import check_cutoff
from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class Ndcg:
    """Discounted gain of the first k ranks over that of the ideal order, truncated at k too.

    DCG@k = Σ_{r ≤ k} gain_r / log2(r + 1), where the gain of a grade is 2^grade - 1 in `ndcg@k`
    (Burges et al. 2005; as LightGBM) and the grade itself in `ndcg_linear@k` (Järvelin &
    Kekäläinen 2002; as trec_eval and scikit-learn); they agree on labels 0 and 1. A tied
    candidate gets the mean discount of the ranks that its tie group covers (McSherry & Najork
    2008, eq. 4), which is the expectation over shuffled ties.
    """

    k: int
    gain: Literal["exponential", "linear"] = "exponential"

    def __post_init__(self) -> None:
        check_cutoff(self.k)

    @property
    def name(self) -> str:
        return f"ndcg_linear@{self.k}" if self.gain == "linear" else f"ndcg@{self.k}"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        discounts = _cumulative_discounts(self.k)
        first = np.minimum(ranks.above, self.k)
        last = np.minimum(ranks.above + ranks.tied, self.k)
        mean_discount = (discounts[last] - discounts[first]) / ranks.tied
        gains = self._gains(ranks.grades)
        return ranks.total(gains * mean_discount) / _ideal(ranks, gains, discounts)

    def _gains(self, grades: NDArray[np.float64]) -> NDArray[np.float64]:
        return grades if self.gain == "linear" else np.exp2(grades) - 1


def _ideal(
    ranks: PositiveRanks, gains: NDArray[np.float64], discounts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """DCG of each request's positives in the best order, [requests]."""
    if len(gains) and (gains != gains[0]).any():
        gains = gains[np.lexsort((-gains, ranks.request))]
    place = np.arange(len(gains)) - np.repeat(ranks.starts[:-1], ranks.positives)
    by_place = np.diff(discounts, append=discounts[-1])
    return ranks.total(gains * by_place[np.minimum(place, len(by_place) - 1)])


def _cumulative_discounts(k: int) -> NDArray[np.float64]:
    """Sum of 1 / log2(r + 1) over the first 0, 1, ..., k ranks, [k + 1]."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
