"""A policy: the ranker that learns every night, and the mechanisms that make an order of its scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.errors import ConfigError
from sluice.mechanisms.exploration import EpsilonSlots
from sluice.rankers.families import FAMILIES


@dataclass(frozen=True)
class Policy:
    """What a platform may change; twins differ in nothing else."""

    family: str = "linear"
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"log": False})
    features: tuple[str, ...] = ("topic_rate", "item_rate", "provider_rate", "age_days")
    """Of `sluice.world.memory.FEATURES`, what the ranker is fitted on."""
    spacing: float = 0.3
    """Weight of soft spacing by topic; 0 leaves the order by score."""
    window: int = 6
    """Slots that spacing looks back."""
    floor: float = 0.0
    """Share of the exposure of shuffled candidates that every provider is to get; 0 for none."""
    floor_limit: float = 3.0
    """Highest price of a floor, in units of the score."""
    exploration: EpsilonSlots | None = None
    training_days: int = 2
    """So many days of its own log, the latest, are learned from every night."""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ConfigError(
                f"no ranker family {self.family!r}; there are: {', '.join(FAMILIES)}"
            )
        if not 0 <= self.spacing <= 1:
            raise ConfigError(f"spacing is {self.spacing}; give a weight from 0 to 1")
        if not 0 <= self.floor <= 1:
            raise ConfigError(
                f"floor is {self.floor}; give a share from 0 to 1: above 1 chance itself fails it"
            )
        if self.training_days < 1:
            raise ConfigError("training_days is below 1; nothing could be learned")

    @property
    def fitted_on(self) -> tuple[str, ...]:
        """Columns the ranker sees: the features, and the one that a popularity ranker orders by."""
        wanted = self.parameters.get("feature")
        if self.family == "popularity" and wanted is not None:
            return (str(wanted),)
        return self.features
