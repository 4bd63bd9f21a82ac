"""What the ten most exposed providers get."""

from typing import ClassVar

from sluice.ecosystem.concentration import TOP
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class TopProviders(Measure):
    """What the ten most exposed providers get."""

    name: ClassVar[str] = "top_providers_share"
    meaning: ClassVar[str] = "share of exposure of the ten most exposed providers"
    party: ClassVar[Party] = Party.PROVIDERS
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 22

    def figure(self, shown: Exposures) -> Figure:
        spread = shown.over_providers
        if spread is None:
            return not_given("no shown item has a provider")
        return spread.figure(TOP, shown.stated)
