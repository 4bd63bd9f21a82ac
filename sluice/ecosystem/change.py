"""What a figure changed by between two stretches of exposures."""

from dataclasses import dataclass

from sluice.ecosystem.figure import Figure
from sluice.ecosystem.intervals import normal


@dataclass(frozen=True)
class Change:
    """A difference of estimates, later less earlier, with its interval."""

    difference: float
    low: float
    high: float


def change(later: Figure, earlier: Figure, confidence: float) -> Change | None:
    """Compare two figures; None where one of them has no interval, since then nothing can be told apart.

    Estimates are compared and not values: a shorter stretch looks more unequal than it is. Errors are
    added as if both had other people, which is on the safe side where they are the same ones.
    """
    if later.interval is None or earlier.interval is None:
        return None
    difference = later.interval.centre - earlier.interval.centre
    error = (later.interval.error**2 + earlier.interval.error**2) ** 0.5
    reach = normal(confidence) * error
    return Change(difference, difference - reach, difference + reach)
