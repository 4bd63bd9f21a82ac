"""Area under the ROC curve within one request; its mean is the grouped AUC (GAUC)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class Auc:
    """Chance that a positive stands above a negative of its request; a tie counts 1/2.

    AUC = Σ_p (N - above_p - tied_p / 2) / (P N) over the P positives, counting among the N
    negatives (Mann & Whitney 1947). Grades above 0 are all positive. Its mean is the GAUC with
    weight 1 a request.
    """

    @property
    def name(self) -> str:
        return "auc"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        beaten_by = ranks.total(ranks.negatives_above + ranks.negatives_tied / 2)
        return 1 - beaten_by / np.maximum(ranks.positives * ranks.negatives, 1)


@dataclass(frozen=True)
class WeightedAuc:
    """The same per request, with requests weighted by their impressions in the mean.

    GAUC = Σ_r n_r AUC_r / Σ_r n_r with n_r the candidates of request r (Zhou et al. 2018, Deep
    Interest Network, eq. 7, with the request in place of the user).
    """

    @property
    def name(self) -> str:
        return "gauc_weighted"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        return Auc().per_request(ranks)

    def weights(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        return (ranks.positives + ranks.negatives).astype(np.float64)
