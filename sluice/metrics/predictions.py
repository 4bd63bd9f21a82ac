"""Probabilities and what came of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.features.state.frame import RankingFrame


@dataclass(frozen=True)
class Predictions:
    """One row a candidate, as in a frame."""

    probabilities: NDArray[np.float64]
    """[rows]; of the event, 0..1."""
    outcomes: NDArray[np.float64]
    """[rows]; 1 where the event came, else 0."""
    users: NDArray[np.int64]
    """[rows]; code of the person."""

    def __post_init__(self) -> None:
        if not self.probabilities.shape == self.outcomes.shape == self.users.shape:
            raise DataError(
                f"{self.probabilities.shape} probabilities for {self.outcomes.shape} outcomes "
                f"of {self.users.shape} users; one a row is needed"
            )
        # Written so that NaN fails it too.
        outside = ~((self.probabilities >= 0) & (self.probabilities <= 1))
        if outside.any():
            raise DataError(
                f"{int(outside.sum())} of {self.rows} probabilities are not in 0..1; "
                "calibrate the scores first"
            )
        if other := int((~np.isin(self.outcomes, (0.0, 1.0))).sum()):
            raise DataError(f"{other} of {self.rows} outcomes are neither 0 nor 1")

    @property
    def rows(self) -> int:
        return len(self.outcomes)

    def where(self, chosen: NDArray[np.bool_]) -> "Predictions":
        """The rows that are chosen, [rows]."""
        return Predictions(
            self.probabilities[chosen], self.outcomes[chosen], self.users[chosen]
        )


def predictions_of(
    probabilities: NDArray[np.float64],
    frame: RankingFrame,
    outcomes: NDArray[np.float64] | None = None,
) -> Predictions:
    """Of a frame's rows; where no outcomes [rows] are given, whether the label was received.

    Raises:
        DataError: a probability is not in 0..1, an outcome is neither 0 nor 1, or rows are missing.
    """
    predictions = (frame.labels > 0).astype(np.float64) if outcomes is None else outcomes
    return Predictions(
        probabilities, predictions, np.repeat(frame.users, np.diff(frame.offsets))
    )
