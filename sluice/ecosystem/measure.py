"""What every measure of a scorecard is: a name, a party, a direction, and a figure of some exposures."""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar

from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure


class Better(StrEnum):
    """Which way a team would want it to move."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Party(StrEnum):
    """Whom it is about."""

    CATALOGUE = "catalogue"
    PROVIDERS = "providers"
    FRESHNESS = "freshness"
    VARIETY = "variety"
    PEOPLE = "people"


class Measure(ABC):
    """One measure. The registry finds every class like this in `sluice.ecosystem.measures`."""

    name: ClassVar[str]
    meaning: ClassVar[str]
    """With its unit."""
    party: ClassVar[Party]
    better: ClassVar[Better]
    position: ClassVar[int]
    """Where it stands in lists, the lowest first."""
    by_segment: ClassVar[bool] = True
    """Whether it says something about a part of the requests."""

    @abstractmethod
    def figure(self, shown: Exposures) -> Figure:
        """Of all these exposures together."""
