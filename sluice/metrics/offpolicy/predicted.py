"""Predicted rewards of a log's decisions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError


@dataclass(frozen=True)
class Predicted:
    """What a model of the reward says of each row, never having been fitted to that row.

    A prediction that has seen the row's reward shrinks the residual and with it the interval;
    `cross_fitted` is one way to have none.

    Raises:
        DataError: the lengths differ or a prediction is not finite.
    """

    shown: NDArray[np.float64]
    """[rows]; q̂ of what was shown."""
    expected: NDArray[np.float64]
    """[rows]; mean of q̂ over what the target policy would show, Σ_a π(a | x) q̂(x, a)."""

    def __post_init__(self) -> None:
        if self.shown.shape != self.expected.shape:
            raise DataError(
                f"{len(self.shown)} predictions of what was shown, {len(self.expected)} of "
                "what the target expects; one of each a row is needed"
            )
        if not (np.isfinite(self.shown).all() and np.isfinite(self.expected).all()):
            raise DataError("a predicted reward is not finite; predict every row")

    def check(self, rows: int) -> None:
        """Refuse to serve a log of another length.

        Raises:
            DataError: the log has not one row a prediction.
        """
        if len(self.shown) != rows:
            raise DataError(f"{len(self.shown)} predicted rewards for a log of {rows} rows")
