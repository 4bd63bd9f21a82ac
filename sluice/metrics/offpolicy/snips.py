"""Self-normalised inverse propensity scoring."""

from dataclasses import dataclass

from sluice.metrics.offpolicy.contributions import Contributions, weighted
from sluice.metrics.offpolicy.logged import LoggedDecisions


@dataclass(frozen=True)
class Snips:
    """Σ w r / Σ w (Swaminathan & Joachims 2015, NIPS): never outside the range of the rewards.

    Biased by O(1 / n). The contributions are those of the linearised ratio,
    θ + w (r - θ) / w̄ (Owen 2013, section 9.2).
    """

    @property
    def name(self) -> str:
        return "snips"

    def contributions(self, log: LoggedDecisions) -> Contributions:
        weights = log.weights
        # Weights that are all 0 are refused by their effective size, whatever is computed here.
        mean = float(weights.mean()) or 1.0
        value = float((weights * log.rewards).mean()) / mean
        return weighted(weights, (log.rewards - value) / mean, value)
