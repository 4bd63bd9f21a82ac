"""Equity of attention: whether exposure goes where quality is."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.catalogue import UNKNOWN
from sluice.ecosystem.concentration import Exposed
from sluice.ecosystem.exposures import Exposures, Values
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.intervals import bias_corrected
from sluice.ecosystem.measure import Better, Measure, Party


class Equity(Measure):
    """Equity of attention: whether exposure goes where quality is."""

    name: ClassVar[str] = "inequity_of_attention"
    meaning: ClassVar[str] = (
        "sum over providers of the difference of their share in exposure and in their shown items' quality"
    )
    party: ClassVar[Party] = Party.PROVIDERS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 24

    def figure(self, shown: Exposures) -> Figure:
        quality = shown.catalogue.quality[shown.item]
        owned = shown.catalogue.provider[shown.item] != UNKNOWN
        usable = owned & np.isfinite(quality)
        if not usable.any():
            return not_given("no shown item has both a provider and a quality")
        columns = shown.viewer[usable], shown.item[usable]
        items = len(shown.catalogue)
        attention, merit = (
            Exposed.of(*columns, values[usable], items, shown.draws).summed(shown.owner)
            for values in (shown.weight, quality)
        )
        value = float(inequity(attention.here, merit.here))
        resampled = inequity(
            attention.resampled.T.astype(np.float64), merit.resampled.T.astype(np.float64)
        )
        per_provider = usable.sum() / shown.catalogue.providers
        return bias_corrected(value, resampled, per_provider, shown.stated)


def inequity(attention: Values, merit: Values) -> Values:
    """Σ_i |A_i / ΣA - R_i / ΣR|, [..., providers] to [...]; 0 fair, 2 wholly apart.

    Source: Biega et al. 2018, amortised over all requests, with quality as relevance.
    """
    shares = (part / part.sum(axis=-1, keepdims=True) for part in (attention, merit))
    ours, due = shares
    return np.abs(ours - due).sum(axis=-1)
