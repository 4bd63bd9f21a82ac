"""Reciprocal rank of the first positive."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class ReciprocalRank:
    """1 / rank of the highest positive (Voorhees 1999); its mean over requests is the MRR.

    With ties: the exact expectation over the tie group that holds the highest positive.
    """

    @property
    def name(self) -> str:
        return "mrr"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        lowest = int((ranks.above + ranks.tied).max(initial=0))
        return ranks.of_first(1 / np.arange(1, lowest + 1))
