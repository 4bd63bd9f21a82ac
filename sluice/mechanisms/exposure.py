"""What a slot is worth: the measure of exposure that mechanisms and reports share."""

import numpy as np
from numpy.typing import NDArray


def position_weights(slots: int) -> NDArray[np.float64]:
    """v_k = 1 / log2(k + 1) of the slots 1 .. `slots`, [slots]: the discount of nDCG.

    Source: Järvelin & Kekäläinen 2002; as exposure, Singh & Joachims 2018.
    """
    return 1 / np.log2(np.arange(2, slots + 2))


def shuffled_exposure(offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Exposure of each row if its request's candidates were shuffled, [rows]: the mean weight.

    `offsets` [requests + 1] says which rows each request owns.
    """
    sizes = np.diff(offsets)
    longest = int(sizes.max(initial=0))
    mean = np.cumsum(position_weights(longest)) / np.arange(1, longest + 1)
    return np.repeat(mean[sizes[sizes > 0] - 1], sizes[sizes > 0])


def gini(exposure: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inequality along the last axis, [..., groups] to [...]: 0 all equal, near 1 all with one.

    G = Σ_j (2j - n - 1) s_(j) / n with the shares s ascending, those without exposure among them.
    NaN where nobody has any.
    """
    groups = exposure.shape[-1]
    total = exposure.sum(axis=-1)
    ranks = 2 * np.arange(1, groups + 1) - groups - 1
    weighed = (np.sort(exposure, axis=-1) * ranks).sum(axis=-1)
    return np.divide(
        weighed, groups * total, out=np.full_like(total, np.nan), where=total > 0
    )
