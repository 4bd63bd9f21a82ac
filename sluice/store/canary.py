"""The canary: an approved release that serves a share of the people beside the champion."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sluice.store.record import Record


@dataclass(frozen=True)
class Canary(Record):
    """What the surface's canary is, or was last. Changes only through a `Transition`."""

    key: ClassVar = ("surface",)
    incidental: ClassVar = ()
    surface: str
    version: int
    release: str
    share: float
    """Of the people, above 0 and below 1; 0 where none runs any more."""
    epoch: int
    """Moves of the surface's canary so far; apart from the champion's epochs."""
    since: datetime
    """Of the move that made it so."""

    @property
    def runs(self) -> bool:
        return self.share > 0


@dataclass(frozen=True)
class CanaryMove:
    """Compare-and-set of the canary inside a transition; it is of the transition's own version."""

    expected_epoch: int
    """0 where the surface never had a canary."""
    release: str
    share: float
    """0 ends it."""
