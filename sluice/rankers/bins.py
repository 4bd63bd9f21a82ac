"""LightGBM's bins of one frame, kept from one fit to the next.

Binning is a quarter of a short fit, and depends neither on what is foretold nor on how the trees are
grown: heads of several objectives share their bins, and so do the trials of a search.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame

if TYPE_CHECKING:
    from lightgbm import Dataset


@dataclass(frozen=True)
class _Binned:
    frame: RankingFrame
    chosen: NDArray[np.bool_]
    told: tuple[Hashable, ...]
    data: "Dataset"

    def is_of(
        self, frame: RankingFrame, chosen: NDArray[np.bool_], key: tuple[Hashable, ...]
    ) -> bool:
        same = self.frame is frame and self.told == key
        return same and np.array_equal(self.chosen, chosen)


class Bins:
    """Holds the Dataset of the last frame that was binned through it."""

    def __init__(self) -> None:
        self._kept: _Binned | None = None

    def of(
        self,
        frame: RankingFrame,
        chosen: NDArray[np.bool_],
        key: tuple[Hashable, ...],
        make: Callable[[], "Dataset"],
    ) -> "Dataset":
        """The Dataset of some requests of a frame, made unless the last one was of the same.

        Args:
            frame: told from another by identity; it must not change between fits.
            chosen: [requests] mask of those that are fitted on.
            key: what else it is made from: the bins asked for, their seed, the family's own.
            make: bins them.
        """
        kept = self._kept
        if kept is None or not kept.is_of(frame, chosen, key):
            kept = _Binned(frame, chosen, key, make().construct())
            self._kept = kept
        return kept.data
