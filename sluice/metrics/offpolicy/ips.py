"""Inverse propensity scoring."""

from dataclasses import dataclass

from sluice.metrics.offpolicy.contributions import Contributions, weighted
from sluice.metrics.offpolicy.logged import LoggedDecisions


@dataclass(frozen=True)
class Ips:
    """Mean of w r, with w = π(a | x) / π₀(a | x) (Horvitz & Thompson 1952).

    Unbiased where the log could show whatever the target shows; its error grows with Σ w².
    """

    @property
    def name(self) -> str:
        return "ips"

    def contributions(self, log: LoggedDecisions) -> Contributions:
        return weighted(log.weights, log.rewards)
