"""Hit rate among the first k ranks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.metric import check_cutoff
from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class HitRate:
    """1 where any positive stands among the first k, else 0 (Deshpande & Karypis 2004).

    With ties: the chance that a shuffle of the first positive's tie group puts one there.
    """

    k: int

    def __post_init__(self) -> None:
        check_cutoff(self.k)

    @property
    def name(self) -> str:
        return f"hit@{self.k}"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        return ranks.of_first(np.ones(self.k))
