"""Whether a figure lies where it is to lie."""

from enum import StrEnum

from sluice.ecosystem.figure import Figure
from sluice.ecosystem.target import Target


class Verdict(StrEnum):
    """What can be said about a target."""

    MET = "met"
    """The whole interval lies where it should."""
    MISSED = "missed"
    """The whole interval lies elsewhere."""
    OPEN = "open"
    """The interval reaches over the bound, or there is none."""
    UNKNOWN = "unknown"
    """The log cannot give the figure; never taken for met."""


def verdict(figure: Figure, target: Target) -> Verdict:
    """Hold a figure against its target."""
    if figure.value is None:
        return Verdict.UNKNOWN
    if figure.interval is None:
        return Verdict.OPEN
    low, high = figure.interval.low, figure.interval.high
    least = float("-inf") if target.at_least is None else target.at_least
    most = float("inf") if target.at_most is None else target.at_most
    if least <= low and high <= most:
        return Verdict.MET
    return Verdict.MISSED if high < least or low > most else Verdict.OPEN
