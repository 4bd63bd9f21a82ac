"""Calibration: a person's interests appear in the shares in which they were shown to exist."""

import math

import numpy as np
from numpy.typing import NDArray

from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.slate import Slate

SMOOTHING = 0.01
"""α of q̃: a category that is missing still costs no infinity."""
MIN_HISTORY = 5.0
"""Clicks below which a person's interest is usually not known well enough."""


def calibration(
    slate: Slate, *, weight: float, min_history: float = MIN_HISTORY, depth: int = 50
) -> NDArray[np.int64]:
    """Rows from the top slot down, [rows]: greedy argmax_I (1 - w) Σ_{i in I} r_i - w KL(p ‖ q̃(I)).

    KL = Σ_g p_g ln(p_g / q̃_g), q̃ = (1 - α) q + α p, α = 0.01; p is the person's interest by
    category, q the share of each category in the slots so far, weighed by their exposure.
    Source: Steck 2018, equations 3 to 6.

    Args:
        slate: the candidates, with the person's `interest`.
        weight: w, 0 .. 1; 0 leaves the order as it is.
        min_history: interest, in clicks, below which the order is left as it is.
        depth: slots that are filled so; the rest follow as they stood.

    Raises:
        DataError: the slate lacks categories.
    """
    from sluice.mechanisms import kernels

    groups, names = slate.groups("category")
    interest = slate.interest or {}
    total = math.fsum(interest.values())
    if total <= 0 or total < min_history:
        return slate.order
    # Groups of the candidates first, as they are coded; what nobody offers costs all the same.
    absent = sorted(interest.keys() - set(names))
    target = np.array([interest.get(name, 0.0) for name in [*names, *absent]]) / total
    filled = min(depth, slate.rows)
    return slate.order[
        kernels.calibrated(
            slate.relevance, groups, target, position_weights(slate.rows),
            float(weight), SMOOTHING, filled,
        )
    ]  # fmt: skip
