"""The doubly robust estimator that leaves the largest weights to the prediction."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError
from sluice.metrics.offpolicy.contributions import Contributions, weighted
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.predicted import Predicted

_CANDIDATES = np.linspace(0.5, 1.0, 26)
"""Quantiles of the weights among which a threshold is looked for; 1 is plain DR."""


@dataclass(frozen=True, eq=False)
class SwitchDoublyRobust:
    """Mean of q̂(x, π) + w 1[w ≤ τ] (r - q̂(x, a)) (Wang, Agarwal & Dudík 2017, ICML).

    Beyond τ a wrong prediction stays wrong, by `largest_error` times the target's probability
    there at most. That bound is added to the interval, and it is what the choice of τ weighs
    against the variance (tuning of τ, ibid.).
    """

    predicted: Predicted
    threshold: float | None = None
    """τ; None: the one of least variance plus squared bound of the bias."""
    largest_error: float | None = None
    """Bound on |q̂ - q| in the reward's unit; None: the range of the logged rewards."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not self.threshold > 0:
            raise ConfigError(
                f"threshold {self.threshold}: no weight is ever kept; give > 0"
            )

    @property
    def name(self) -> str:
        return "switch-dr"

    def contributions(self, log: LoggedDecisions) -> Contributions:
        self.predicted.check(len(log.rewards))
        if self.threshold is not None:
            return self._at(log, self.threshold)
        candidates = np.unique(np.quantile(log.weights, _CANDIDATES))
        return min((self._at(log, float(tau)) for tau in candidates), key=_squared_error)

    def _at(self, log: LoggedDecisions, threshold: float) -> Contributions:
        weights = log.weights
        kept = np.where(weights <= threshold, weights, 0.0)
        residuals = log.rewards - self.predicted.shown
        part = weighted(kept, residuals, self.predicted.expected)
        # Judged by all weights, those left out among them: the verdict is about the log and the
        # target, so that nobody can shop for the estimator that gives an answer.
        bias = self._bias(log.rewards, weights - kept)
        return replace(part, weights=weights, bias=bias)

    def _bias(self, rewards: NDArray[np.float64], left_out: NDArray[np.float64]) -> float:
        error = self.largest_error
        error = float(np.ptp(rewards)) if error is None else error
        return error * min(float(left_out.mean()), 1.0)


def _squared_error(values: Contributions) -> float:
    """Bound on the mean squared error: variance of the mean, plus the bias bound squared."""
    return float(values.values.var(ddof=1)) / len(values.values) + values.bias**2
