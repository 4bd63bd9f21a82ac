"""Maximal marginal relevance: the next item is relevant, and unlike all that stand above it."""

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.similarity import Likeness, similarity
from sluice.mechanisms.slate import Slate


def mmr(
    slate: Slate, *, weight: float, of: Likeness = "embedding", depth: int = 50
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: greedy argmax_i (1 - w) r_i - w max_{j above} sim(i, j).

    Source: Carbonell & Goldstein 1998, with λ = 1 - w; r is the slate's relevance, 0 .. 1.

    Args:
        slate: the candidates.
        weight: w, 0 .. 1; 0 leaves the order as it is.
        of: what similarity goes by.
        depth: slots that are filled so; the rest follow as they stood.

    Raises:
        DataError: the slate lacks the column `of`.
    """
    from sluice.mechanisms import kernels

    alike, filled = similarity(slate, of), min(depth, slate.rows)
    return slate.order[
        kernels.marginally_relevant(slate.relevance, alike, float(weight), filled)
    ]
