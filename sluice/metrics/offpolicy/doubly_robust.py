"""The doubly robust estimator."""

from dataclasses import dataclass

from sluice.metrics.offpolicy.contributions import Contributions, weighted
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.predicted import Predicted


@dataclass(frozen=True, eq=False)
class DoublyRobust:
    """Mean of q̂(x, π) + w (r - q̂(x, a)) (Dudík, Langford & Li 2011, ICML).

    Unbiased if either the propensities or the predictions are right.
    """

    predicted: Predicted

    @property
    def name(self) -> str:
        return "dr"

    def contributions(self, log: LoggedDecisions) -> Contributions:
        self.predicted.check(len(log.rewards))
        residuals = log.rewards - self.predicted.shown
        return weighted(log.weights, residuals, self.predicted.expected)
