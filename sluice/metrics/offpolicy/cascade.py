"""The doubly robust estimator of slates that are read from the top."""

from dataclasses import dataclass

from sluice.metrics.offpolicy.contributions import Contributions
from sluice.metrics.offpolicy.predicted import Predicted
from sluice.metrics.offpolicy.slate_ips import of_slates
from sluice.metrics.offpolicy.slates import LoggedSlates


@dataclass(frozen=True, eq=False)
class CascadeDoublyRobust:
    """Mean over requests of Σ_k w_{1:k-1} Q̂_k(π) + w_{1:k} (r_k - Q̂_k(a_k)).

    Kiyohara et al. 2022 (WSDM). Q̂_k predicts what slot k *and those below it* will earn
    under the target, given the items down to slot k; Q̂_k(π) is its mean over what the target
    would put there. Unbiased whenever RIPS is, however wrong Q̂.
    """

    predicted: Predicted
    """[rows] each: Q̂_k of what was shown, and its mean under the target given the items above."""

    @property
    def name(self) -> str:
        return "cascade-dr"

    def contributions(self, log: LoggedSlates) -> Contributions:
        self.predicted.check(len(log.rewards))
        weights, above = log.prefix_weights()
        residuals = log.rewards - self.predicted.shown
        return of_slates(log, weights, residuals, above * self.predicted.expected)
