"""Determinantal point process: the items above span as much as they can, as a set."""

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.similarity import Likeness, similarity
from sluice.mechanisms.slate import Slate

_OWN = 0.1
"""Share of every item that is like no other: a duplicate then costs much, and not infinitely."""


def dpp(
    slate: Slate, *, weight: float, of: Likeness = "embedding", depth: int = 50
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: greedy argmax_R (1 - w) Σ_{i in R} r_i + w log det S_R.

    Source: Chen, Zhang & Zhou 2018: algorithm 1 (fast greedy MAP, O(depth² rows)) and the
    trade-off of section 4 with θ = 1 - w, whose kernel is L = Diag(e^{θ r / 2(1 - θ)}) S Diag(...).
    S = 0.9 (1 + sim) / 2 + 0.1 I: between 0 and 1, and positive definite, also with more items than
    dimensions or groups. The sum is kept in logarithms, which no weight can overflow.

    Args:
        slate: the candidates.
        weight: w, 0 .. 1; 0 leaves the order as it is.
        of: what similarity goes by.
        depth: slots that are filled so; the rest follow as they stood.

    Raises:
        DataError: the slate lacks the column `of`.
    """
    from sluice.mechanisms import kernels

    kernel = (1 - _OWN) * (1 + similarity(slate, of)) / 2
    np.fill_diagonal(kernel, 1.0)
    filled = min(depth, slate.rows)
    return slate.order[
        kernels.determinantal(slate.relevance, kernel, float(weight), filled)
    ]
