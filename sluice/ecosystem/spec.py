"""The [ecosystem] table of a surface file: what is hidden, what is stated, and what is aimed at."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sluice.ecosystem.registry import measures
from sluice.ecosystem.settings import Stated
from sluice.ecosystem.target import Target
from sluice.features.declaration.spec import PositiveDuration


class EcosystemSpec(BaseModel):
    """How the scorecard of `sluice ecosystem` is made, and what it is held against."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    min_people: Annotated[int, Field(ge=2)] = 20
    """Segments of fewer people are hidden, with others so that none follows by subtraction."""
    at_exposures: Annotated[int, Field(ge=1)] = 10_000
    """Coverage and discoverable items are told at so many exposures, so that logs of any length compare."""
    discovered_clicks: Annotated[int, Field(ge=1)] = 5
    """Clicks within `at_exposures` from which an item counts as discovered."""
    new_for: PositiveDuration = "1d"
    """Age up to which an item is new."""
    lifetime: PositiveDuration | None = None
    """Age from which an item that is shown no more has left the catalogue; without it items never do."""
    first_impressions: Annotated[int, Field(ge=1)] = 100
    """The time from publishing to so many impressions is measured."""
    targets: Mapping[str, Target] = Field(default_factory=dict[str, Target])
    """By measure, e.g. `new_items_share = {at_least = 0.1}`."""

    @field_validator("targets")
    @classmethod
    def _are_measured(cls, targets: Mapping[str, Target]) -> Mapping[str, Target]:
        if unknown := sorted(targets.keys() - measures().keys()):
            raise ValueError(
                f"no measure {', '.join(unknown)}; there are: {', '.join(measures())}"
            )
        return targets

    @property
    def stated(self) -> Stated:
        """What the measures read of it."""
        return Stated.of(
            at_exposures=self.at_exposures, discovered_clicks=self.discovered_clicks,
            new_for=self.new_for, lifetime=self.lifetime, min_people=self.min_people,
            first_impressions=self.first_impressions,
        )  # fmt: skip
