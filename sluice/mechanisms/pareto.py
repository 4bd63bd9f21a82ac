"""Which points nobody can improve for one without a loss for another."""

import numpy as np
from numpy.typing import NDArray


def pareto_optimal(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points that no other dominates, [points], of `gains` [points, objectives], higher is better.

    One dominates another where it is nowhere worse and somewhere better; of equal points all stay.
    """
    nowhere_worse = (gains[:, None, :] >= gains[None, :, :]).all(axis=2)
    better = (gains[:, None, :] > gains[None, :, :]).any(axis=2)
    return np.logical_not((nowhere_worse & better).any(axis=0))
