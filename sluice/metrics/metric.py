"""What a metric is: a value with a canonical name."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError
from sluice.metrics.ranks import PositiveRanks


class Metric(Protocol):
    """One number a request, higher is better; equal values are the same metric.

    Guarantee: the number is the metric's expected value when tied candidates are put in random
    order, so that neither the order of rows nor a constant scorer is flattered. This is the one
    tie rule, so a name need not state it; whatever else is chosen (the gain, the cutoff, the
    weights) stands in the name.
    """

    @property
    def name(self) -> str:
        """As in reports, gates, MLflow and test ids, e.g. `ndcg@10`."""
        ...

    def per_request(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        """[requests]; NaN where a request lacks one of the classes."""
        ...


@runtime_checkable
class Weighted(Protocol):
    """A metric whose requests do not all count the same in its mean."""

    def weights(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        """[requests]; how much each counts, in the mean and in every comparison of means."""
        ...


def check_cutoff(k: int) -> None:
    """Refuse a cutoff that keeps no rank.

    Raises:
        ConfigError: `k` is less than 1.
    """
    if k < 1:
        raise ConfigError(f"cutoff {k}: a metric looks at 1 rank at least")
