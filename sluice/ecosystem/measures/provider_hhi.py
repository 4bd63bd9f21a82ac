"""Concentration of exposure on providers: Herfindahl and Hirschman's index."""

from typing import ClassVar

from sluice.ecosystem.concentration import HHI
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class ProviderHhi(Measure):
    """Concentration of exposure on providers: Herfindahl and Hirschman's index."""

    name: ClassVar[str] = "provider_hhi"
    meaning: ClassVar[str] = (
        "sum of squared shares of providers in exposure; 1 all with one"
    )
    party: ClassVar[Party] = Party.PROVIDERS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 21

    def figure(self, shown: Exposures) -> Figure:
        spread = shown.over_providers
        if spread is None:
            return not_given("no shown item has a provider")
        return spread.figure(HHI, shown.stated)
