"""Area under the ROC curve within one request."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class Auc:
    """Chance that a positive stands above a negative of its request; a tie counts 1/2.

    AUC = Σ_p (N - above_p - tied_p / 2) / (P N) over the P positives, counting among the N
    negatives (Mann & Whitney 1947). Grades above 0 are all positive.
    """

    @property
    def name(self) -> str:
        return "auc"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        beaten_by = ranks.total(ranks.negatives_above + ranks.negatives_tied / 2)
        return 1 - beaten_by / np.maximum(ranks.positives * ranks.negatives, 1)
