"""What every log of decisions must satisfy before any estimator sees it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError, TooLittleData


def check_rows(
    rewards: NDArray[np.float64],
    propensities: NDArray[np.float64],
    targets: NDArray[np.float64],
) -> None:
    """Refuse arrays, all [rows], that are no rewards and probabilities of the same rows.

    Raises:
        DataError: the lengths differ, a reward is not finite, a propensity is not in (0, 1] or
            a target probability not in [0, 1].
    """
    check_lengths({"rewards": rewards, "propensities": propensities, "targets": targets})
    # Each is written so that NaN fails it too.
    _refuse(~np.isfinite(rewards), "rewards are not finite")
    _refuse(
        ~((propensities > 0) & (propensities <= 1)),
        "propensities are missing or not in (0, 1]; without the logging policy's probability "
        "of what it showed, a decision weighs nothing",
    )
    _refuse(~((targets >= 0) & (targets <= 1)), "target probabilities are not in [0, 1]")


def check_lengths(columns: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse columns of different lengths; names each."""
    if len({column.shape for column in columns.values()}) > 1:
        text = ", ".join(f"{len(column)} {name}" for name, column in columns.items())
        raise DataError(f"a log of decisions needs one of each a row; found {text}")


def check_users(users: NDArray[np.int64]) -> None:
    """Refuse a log of fewer than two people.

    Raises:
        TooLittleData: one user, or none, gives no interval.
    """
    if len(users) == 0 or (users == users[0]).all():
        raise TooLittleData(
            f"{len(users)} decisions of fewer than 2 users; an interval needs 2"
        )


def _refuse(broken: NDArray[np.bool_], rule: str) -> None:
    if count := int(broken.sum()):
        raise DataError(
            f"{count} of {len(broken)} {rule} (first in row {int(broken.argmax())})"
        )
