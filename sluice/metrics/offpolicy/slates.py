"""A log of slates: several slots decided together and rewarded one by one."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError, DataError
from sluice.metrics.offpolicy.checks import check_lengths, check_rows, check_users


class SlotProbability(StrEnum):
    """What the probabilities of a slate's rows are given. An estimator refuses the wrong kind."""

    MARGINAL = "marginal"
    """Of the item at its slot, whatever stands elsewhere."""
    CONDITIONAL = "conditional"
    """Of the item at its slot, given the items above it (Plackett-Luce)."""
    INDEPENDENT = "independent"
    """Slots are drawn without regard to each other, so that both are the same."""


@dataclass(frozen=True)
class LoggedSlates:
    """Requests, each a run of consecutive rows from the top slot down.

    Raises:
        DataError: as for LoggedDecisions, or the offsets do not cut the rows into requests.
        TooLittleData: fewer than two users.
    """

    rewards: NDArray[np.float64]
    """[rows]."""
    propensities: NDArray[np.float64]
    """[rows]; under the policy that logged."""
    targets: NDArray[np.float64]
    """[rows]; under the policy to be evaluated, given the same as the propensities."""
    given: SlotProbability
    offsets: NDArray[np.int64]
    """[requests + 1]; request r owns rows offsets[r] to offsets[r + 1]."""
    users: NDArray[np.int64]
    """[requests]; code of the person, the cluster of every interval."""
    overlap: float | None = None
    """Share of the target's probability that lies on what the log could show; None: unknown."""

    def __post_init__(self) -> None:
        check_rows(self.rewards, self.propensities, self.targets)
        sizes = np.diff(self.offsets)
        if (sizes < 1).any() or sizes.sum() != len(self.rewards) or self.offsets[0] != 0:
            raise DataError(
                f"offsets cut {int(sizes.sum())} rows into requests of {sizes.min()} rows or "
                f"more; there are {len(self.rewards)} rows and a request has at least one"
            )
        check_lengths({"requests": sizes, "users": self.users})
        check_users(self.users)

    def slot_weights(self) -> NDArray[np.float64]:
        """Importance weight of each row by itself, [rows].

        Raises:
            ConfigError: the probabilities are conditional.
        """
        self._refuse(SlotProbability.CONDITIONAL)
        return self.targets / self.propensities

    def prefix_weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Importance weight of each row with all rows above it, and of those above alone, [rows].

        Raises:
            ConfigError: the probabilities are marginal.
        """
        self._refuse(SlotProbability.MARGINAL)
        sizes = np.diff(self.offsets)
        filled = np.arange(sizes.max()) < sizes[:, None]
        prefix = np.ones(filled.shape)
        prefix[filled] = self.targets / self.propensities
        np.cumprod(prefix, axis=1, out=prefix)
        above = np.concatenate([np.ones((len(sizes), 1)), prefix[:, :-1]], axis=1)
        return prefix[filled], above[filled]

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of `values` [rows] over each request, [requests]."""
        return np.add.reduceat(values, self.offsets[:-1])

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of `values` [rows] over each request, [requests]."""
        return self.total(values) / np.diff(self.offsets)

    def _refuse(self, kind: SlotProbability) -> None:
        if self.given is kind:
            raise ConfigError(
                f"the slates' probabilities are {kind}; IIPS needs marginal ones, RIPS and "
                "cascade-DR conditional ones, and independent slots serve both"
            )
