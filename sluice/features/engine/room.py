"""Arrays that grow."""

import numpy as np
from numpy.typing import NDArray


def longer(array: NDArray, length: int, fill: int | None = 0) -> NDArray:
    """The array with room for `length` entries, at least doubled where it grows."""
    if length <= len(array):
        return array
    room = np.full((max(length, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    room[: len(array)] = array
    return room
