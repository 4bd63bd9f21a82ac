"""How long new items wait for their first impressions, those included that still wait."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.encoding import grouped
from sluice.ecosystem.exposures import Codes, Exposures, Values


@dataclass(frozen=True)
class Arrivals:
    """Items published in the window, by how long they waited."""

    waited: Values
    """µs to the stated impression, or to the window's end, rising, [items]."""
    arrived: NDArray[np.bool_]
    """False where the window ended first, [items]."""
    owner: Codes
    """Number of each item's provider, one of its own where none is known, [items]."""

    @property
    def owners(self) -> int:
        return int(self.owner.max(initial=UNKNOWN)) + 1

    @classmethod
    def of(cls, shown: Exposures) -> "Arrivals":
        """Of the catalogue's items; which provider an item has without one is nobody's."""
        items, needed = shown.catalogue, shown.stated.first_impressions
        reached = _moments(shown, needed)
        new = np.flatnonzero(
            (items.published >= shown.start) & (items.published < shown.end)
        )
        arrived = reached[new] < shown.end
        until = np.where(arrived, reached[new], shown.end)
        # An item that was shown before it was published waited for nothing.
        waited = np.maximum(until - items.published[new], 0).astype(np.float64)
        provider = np.where(
            items.provider[new] == UNKNOWN, items.providers + new, items.provider[new]
        )
        owner = np.unique(provider, return_inverse=True)[1]
        order = np.lexsort((~arrived, waited))
        return cls(waited[order], arrived[order], owner[order])

    def draws(self, resamples: int) -> Values:
        """How often each item is in each resample of providers, [resamples, items]."""
        rng = np.random.default_rng(20_260_134)
        drawn = rng.integers(self.owners, size=(resamples, self.owners))
        counts = np.array([np.bincount(row, minlength=self.owners) for row in drawn])
        return counts[:, self.owner].astype(np.float64)


def medians(arrivals: Arrivals, weights: Values) -> Values:
    """Median wait, µs, of items that count so much, [resamples, items] to [resamples].

    Kaplan & Meier 1958; infinite where fewer than half arrive.
    """
    at_risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    lost = np.divide(
        weights * arrivals.arrived, at_risk, out=np.zeros_like(weights), where=at_risk > 0
    )
    waiting = np.cumprod(1 - lost, axis=1)
    halved = waiting <= 0.5 + 1e-12
    first = np.argmax(halved, axis=1)
    return np.where(halved.any(axis=1), arrivals.waited[first], np.inf)


def _moments(shown: Exposures, needed: int) -> Codes:
    """When each item had its `needed`-th impression, µs; the window's end where it had fewer, [items]."""
    order = grouped(shown.item, len(shown.catalogue))
    counts = shown.impressions
    first = np.cumsum(counts) - counts
    enough = np.flatnonzero(counts >= needed)
    moments = np.full(len(counts), shown.end)
    moments[enough] = shown.moment[shown.request[order[first[enough] + needed - 1]]]
    return moments
