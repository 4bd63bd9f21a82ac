"""Inverse propensity scoring of slates, under two beliefs of what a slot's reward hangs on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.metrics.offpolicy.contributions import Contributions
from sluice.metrics.offpolicy.slates import LoggedSlates


@dataclass(frozen=True)
class IndependentIps:
    """Mean over requests of Σ_k w_k r_k, w_k of slot k alone (Li et al. 2018, KDD, item-position model).

    Unbiased where the reward of a slot hangs on the item there and on no other. The value is
    of a request: the sum over its slots.
    """

    @property
    def name(self) -> str:
        return "iips"

    def contributions(self, log: LoggedSlates) -> Contributions:
        return of_slates(log, log.slot_weights(), log.rewards)


@dataclass(frozen=True)
class RewardInteractionIps:
    """Mean over requests of Σ_k w_{1:k} r_k (McInerney et al. 2020, KDD, RIPS without normalising).

    w_{1:k} = Π_{j ≤ k} π(a_j | x, a_{<j}) / π₀(a_j | x, a_{<j}). Unbiased where a slot's reward
    hangs on the items at and above it, as for a person who reads from the top.
    """

    @property
    def name(self) -> str:
        return "rips"

    def contributions(self, log: LoggedSlates) -> Contributions:
        return of_slates(log, log.prefix_weights()[0], log.rewards)


def of_slates(
    log: LoggedSlates,
    weights: NDArray[np.float64],
    residuals: NDArray[np.float64],
    base: NDArray[np.float64] | None = None,
) -> Contributions:
    """Contributions Σ_k (base_k + w_k e_k) of whole requests, from arrays [rows].

    A request is weighed by the mean of its rows' weights, which is 1 in the mean as they are.
    """
    base = np.zeros(len(weights)) if base is None else base
    earned = log.total(weights * residuals)
    largest, level = float(weights.max()), float(log.total(base).mean())
    return Contributions(
        values=log.total(base) + earned,
        weights=log.mean(weights),
        lowest=level + min(largest * float(residuals.min()), float(earned.min()), 0.0),
        highest=level + max(largest * float(residuals.max()), float(earned.max()), 0.0),
    )
