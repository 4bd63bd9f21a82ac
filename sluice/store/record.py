"""What every record of the store is, and the two words that most of them use."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from sluice.gates.outcome import Outcome

__all__ = ["Outcome", "Record", "State"]


class State(StrEnum):
    """Where a version stands; `sluice.registry.states` draws the machine."""

    CANDIDATE = "candidate"
    GATED = "gated"
    BLOCKED = "blocked"
    """A gate failed or was inconclusive."""
    PACKAGED = "packaged"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHAMPION_PROVISIONAL = "champion_provisional"
    CHAMPION = "champion"
    RETIRED = "retired"
    ROLLED_BACK = "rolled_back"
    BASELINE = "baseline"
    """The declared baseline, packaged: it may serve without gates and review."""


@dataclass(frozen=True)
class Record:
    """Anything a store remembers."""

    key: ClassVar[tuple[str, ...]] = ()
    incidental: ClassVar[tuple[str, ...]] = ()
