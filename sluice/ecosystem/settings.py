"""What a scorecard states beside its figures."""

from dataclasses import dataclass
from typing import Any

from sluice.data.durations import microseconds


@dataclass(frozen=True)
class Stated:
    """The settings that figures depend on; a figure under others is another figure."""

    min_people: int = 20
    at_exposures: int = 10_000
    discovered_clicks: int = 5
    new_for: int = 86_400_000_000
    """µs."""
    lifetime: int | None = None
    """µs."""
    first_impressions: int = 100
    confidence: float = 0.95
    resamples: int = 200
    """Of people; 0 gives concentrations without intervals."""

    @classmethod
    def of(cls, *, new_for: str, lifetime: str | None, **others: Any) -> "Stated":
        """With durations as people write them."""
        ends = None if lifetime is None else microseconds(lifetime)
        return cls(new_for=microseconds(new_for), lifetime=ends, **others)
