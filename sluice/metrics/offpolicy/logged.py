"""A log of single decisions, seen by a policy that did not make them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.offpolicy.checks import check_lengths, check_rows, check_users


@dataclass(frozen=True)
class LoggedDecisions:
    """One row a decision: what was earned, and how likely either policy was to decide so.

    Raises:
        DataError: the columns' lengths differ, a reward is not finite, a propensity is not in
            (0, 1] or a target probability not in [0, 1].
        TooLittleData: fewer than two users.
    """

    rewards: NDArray[np.float64]
    """[decisions]."""
    propensities: NDArray[np.float64]
    """[decisions]; probability of what was shown, under the policy that logged."""
    targets: NDArray[np.float64]
    """[decisions]; the same under the policy to be evaluated."""
    users: NDArray[np.int64]
    """[decisions]; code of the person, the cluster of every interval."""
    overlap: float | None = None
    """Share of the target's probability that lies on what the log could show; None: unknown."""

    def __post_init__(self) -> None:
        check_rows(self.rewards, self.propensities, self.targets)
        check_lengths({"rewards": self.rewards, "users": self.users})
        check_users(self.users)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Importance weights π(a | x) / π₀(a | x), [decisions]."""
        return self.targets / self.propensities
