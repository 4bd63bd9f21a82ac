"""One answer of the service, as a confirmation of what was shown is held against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from sluice.serving.prediction import Prediction


class ServedSlot(NamedTuple):
    """Where an item stood in the answer."""

    position: int
    """1 the top."""
    score: float
    propensity: float
    row: int
    """Of the item among the candidates, for values of context that are one each."""


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """What was answered, by item."""

    request_id: str
    user_id: str
    ts: int
    """µs since the epoch."""
    surface: str
    release: str
    slots: Mapping[str, ServedSlot]
    """Of the items that were shown a slot."""
    context: Mapping[str, float | tuple[float, ...]]
    """As in `Prediction.context`."""

    @classmethod
    def of(cls, prediction: Prediction, surface: str) -> Self:
        """What a prediction says was answered."""
        slots = {
            prediction.candidates[row]: ServedSlot(
                position, prediction.scores[row], propensity, row
            )
            for position, (row, propensity) in enumerate(
                zip(prediction.order, prediction.propensities, strict=True), start=1
            )
        }
        return cls(
            prediction.request_id, prediction.user_id, prediction.ts, surface,
            prediction.release, slots, prediction.context,
        )  # fmt: skip

    def context_at(self, name: str, slot: ServedSlot) -> float:
        """Value of a context column for the item in this slot."""
        value = self.context[name]
        return value[slot.row] if isinstance(value, tuple) else value
