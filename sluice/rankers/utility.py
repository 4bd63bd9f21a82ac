"""Several objectives become one number a candidate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError, DataError


@dataclass(frozen=True)
class Utility:
    """U = Σ_m w_m s_m over named objectives; a release carries its name, version and weights.

    Scores must be on the scales that the weights were chosen for, e.g. calibrated probabilities.
    """

    name: str
    version: int
    """Counts up whenever a weight changes, so that a logged score says which sum it was."""
    weights: Mapping[str, float]
    """By objective; negative for what is to be avoided, e.g. a hide."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise ConfigError(f"utility {self.name}: it has no weights; name an objective")
        for objective, weight in self.weights.items():
            if not math.isfinite(weight):
                raise ConfigError(f"utility {self.name}: weight of {objective} is {weight}")

    def score(self, objectives: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The weighted sum, [rows], of `objectives`, [rows] each; others than ours are ignored.

        Raises:
            DataError: an objective is missing, has NaN or infinite scores, or other rows.
        """
        # In name order: floating-point sums depend on it, and a file's key order must not matter.
        names = sorted(self.weights)
        self._check(names, objectives)
        total = np.zeros(len(objectives[names[0]]))
        for name in names:
            total += self.weights[name] * objectives[name]
        return total

    def _check(
        self, names: list[str], objectives: Mapping[str, NDArray[np.float64]]
    ) -> None:
        if missing := [name for name in names if name not in objectives]:
            there = ", ".join(sorted(objectives)) or "none"
            raise DataError(
                f"utility {self.name}: no scores of {missing}; there are: {there}"
            )
        shapes = {name: objectives[name].shape for name in names}
        if len(set(shapes.values())) > 1:
            raise DataError(
                f"utility {self.name}: scores are not of the same rows: {shapes}"
            )
        for name in names:
            if odd := int((~np.isfinite(objectives[name])).sum()):
                raise DataError(
                    f"utility {self.name}: {odd} scores of {name} are not finite"
                )
