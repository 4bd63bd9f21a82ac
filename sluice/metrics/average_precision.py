"""Average precision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.ranks import PositiveRanks


@dataclass(frozen=True)
class AveragePrecision:
    """Mean precision at the ranks of a request's positives; its mean over requests is the MAP.

    AP = 1 / P Σ_p precision(rank_p) (Manning et al. 2008, eq. 8.8). With ties: the exact
    expectation (McSherry & Najork 2008, section 3). Where t candidates share a score, r of them
    positive, below N candidates of which R are positive, a positive stands at each of the t
    ranks alike, and on average the share (r - 1) / (t - 1) of those tied above it is positive:

        E[precision] = 1 / t Σ_{i=1..t} (R + 1 + (i - 1) a) / (N + i),  a = (r - 1) / (t - 1)
    """

    @property
    def name(self) -> str:
        return "map"

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        return ranks.total(_expected_precision(ranks)) / np.maximum(ranks.positives, 1)


def _expected_precision(ranks: PositiveRanks) -> NDArray[np.float64]:
    """[positives]; the sum above in closed form, by differences of harmonic numbers."""
    above, tied = ranks.above, ranks.tied
    last = above + tied
    share = (tied - ranks.negatives_tied - 1) / np.maximum(tied - 1, 1)
    positives_first = above - ranks.negatives_above + 1
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, last.max(initial=0) + 1))])
    inverse_ranks = (harmonic[last] - harmonic[above]) / tied
    return share + (positives_first - share * (above + 1)) * inverse_ranks
