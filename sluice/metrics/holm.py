"""Many tests at once."""

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values, [tests]: rejecting those up to α errs anywhere with chance α at most.

    p̃_(j) = max_{i ≤ j} min(1, (m - i + 1) p_(i)) in ascending order (Holm 1979); whatever the
    tests' dependence.
    """
    tests = len(p_values)
    ascending = np.argsort(p_values, kind="stable")
    scaled = np.minimum(p_values[ascending] * np.arange(tests, 0, -1), 1)
    adjusted = np.empty(tests)
    adjusted[ascending] = np.maximum.accumulate(scaled)
    return adjusted
