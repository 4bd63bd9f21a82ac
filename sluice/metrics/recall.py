"""Recall among the first k ranks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.metric import check_cutoff
from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class Recall:
    """Share of a request's positives that stand among the first k; all positives are counted.

    With ties: the chance that a shuffle of its tie group puts a positive among the first k
    (hypergeometric mean, Manning et al. 2008, section 8.3, for the untied form).
    """

    k: int

    def __post_init__(self) -> None:
        check_cutoff(self.k)

    @property
    def name(self) -> str:
        return f"recall@{self.k}"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        return ranks.total(ranks.share_within(self.k)) / np.maximum(ranks.positives, 1)
