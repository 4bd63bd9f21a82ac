"""A policy that chooses an item for each slot without looking at the person."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import DataError


@dataclass(frozen=True, eq=False)
class SlotPolicy:
    """Probabilities of the items at each slot."""

    slots: tuple[int, ...]
    """Positions, 1 the top."""
    items: tuple[str, ...]
    probabilities: NDArray[np.float64]
    """[slots, items]; each row sums to 1."""

    def cells(self, exposures: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Slot and item of each exposure as places in `probabilities`, -1 for an unknown item.

        Raises:
            DataError: an exposure has no position, or one at which the policy shows nothing.
        """
        slots = dict(zip(self.slots, range(len(self.slots)), strict=True))
        place = exposures["position"].replace_strict(
            slots, default=None, return_dtype=pl.Int64
        )
        if place.null_count():
            unknown = exposures.filter(place.is_null())["position"].unique().sort()
            raise DataError(
                f"{place.null_count()} of {len(place)} exposures are at positions "
                f"{unknown.head(5).to_list()}; the policy knows {list(self.slots)}"
            )
        items = dict(zip(self.items, range(len(self.items)), strict=True))
        item = exposures["item_id"].replace_strict(items, default=-1, return_dtype=pl.Int64)
        return place.to_numpy(), item.to_numpy()

    def of(self, exposures: pl.DataFrame) -> NDArray[np.float64]:
        """Probability of each exposure's item at its slot, [exposures]; 0 for an unknown item."""
        slot, item = self.cells(exposures)
        return np.where(item >= 0, self.probabilities[slot, item], 0.0)

    def overlap(self, exposures: pl.DataFrame) -> float:
        """Share of this policy's probability on pairs of slot and item that the log shows.

        Slots count as often as the log has them.
        """
        slot, item = self.cells(exposures)
        seen = np.zeros(self.probabilities.shape, dtype=bool)
        seen[slot[item >= 0], item[item >= 0]] = True
        return float((self.probabilities * seen).sum(axis=1)[slot].mean())


def slot_frequencies(exposures: pl.DataFrame) -> SlotPolicy:
    """The policy behind a log, estimated from how often each slot showed each item.

    Raises:
        DataError: an exposure has no position.
    """
    if absent := exposures["position"].null_count():
        raise DataError(f"{absent} of {exposures.height} exposures have no position")
    slots, slot = np.unique(exposures["position"].to_numpy(), return_inverse=True)
    items, item = np.unique(exposures["item_id"].to_numpy(), return_inverse=True)
    counts = np.zeros((len(slots), len(items)))
    np.add.at(counts, (slot, item), 1.0)
    return SlotPolicy(
        slots=tuple(slots.tolist()),
        items=tuple(items.tolist()),
        probabilities=counts / counts.sum(axis=1, keepdims=True),
    )
