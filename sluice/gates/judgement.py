"""What a gate says: one outcome, one sentence for a person, the figures it rests on."""

import math
from dataclasses import dataclass
from typing import Any

from sluice.gates.outcome import Outcome


@dataclass(frozen=True)
class Judgement:
    """Verdict of one gate over one candidate; only `Outcome.PASS` lets the candidate on."""

    gate: str
    outcome: Outcome
    reason: str
    """One sentence with the figures, for the reviewer."""
    evidence: dict[str, Any]
    """JSON only: a figure that is missing or not finite stands as None."""


def finite(value: float | None) -> float | None:
    """The value, or None where it is missing, NaN or infinite and so cannot be judged."""
    return value if value is not None and math.isfinite(value) else None


def count(value: int | None) -> int | None:
    """The count, or None where it is missing or negative."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def missing(figures: dict[str, Any]) -> list[str]:
    """Names of the figures that are None."""
    return [name for name, value in figures.items() if value is None]
