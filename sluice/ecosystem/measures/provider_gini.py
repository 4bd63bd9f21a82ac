"""Gini of the providers' exposure."""

from typing import ClassVar

from sluice.ecosystem.concentration import GINI
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class ProviderGini(Measure):
    """Gini of the providers' exposure."""

    name: ClassVar[str] = "provider_gini"
    meaning: ClassVar[str] = "Gini of providers' exposure; 0 all equal"
    party: ClassVar[Party] = Party.PROVIDERS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 20

    def figure(self, shown: Exposures) -> Figure:
        spread = shown.over_providers
        if spread is None:
            return not_given("no shown item has a provider")
        return spread.figure(GINI, shown.stated)
