"""What a day came to, for people, providers and advertisers."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from sluice.errors import DataError


@dataclass(frozen=True)
class DayFigures:
    """Totals of one day; what is divided by visits stays out, since who stays away is in no denominator."""

    active: int
    """People who came."""
    visits: int
    clicks: int
    dwell: float
    """Seconds."""
    value: float
    """Of all visits to people, annoyance taken off."""
    providers: int
    """Alive at the end of the day."""
    publishing: int
    """Providers who published."""
    published: int
    """Items."""
    live: int
    """Items that could be shown."""
    ad_views: int
    ad_clicks: int
    revenue: float


MEASURES = tuple(field.name for field in fields(DayFigures))
CLICK_RATE = "clicks_per_visit"
"""The measure of a request, which a team would watch; every other is a total."""


def total(days: Iterable[DayFigures], measure: str) -> float:
    """Of some days; CLICK_RATE is a ratio of sums.

    Raises:
        DataError: no such measure, no day, or no visit to divide by.
    """
    those = tuple(days)
    if not those:
        raise DataError("no day to sum up; let the world run for one at least")
    if measure == CLICK_RATE:
        visits = sum(day.visits for day in those)
        if not visits:
            raise DataError(f"{CLICK_RATE}: nobody came; give the world more people")
        return sum(day.clicks for day in those) / visits
    if measure not in MEASURES:
        raise DataError(f"no measure {measure!r}; there are: {', '.join(MEASURES)}")
    return float(sum(getattr(day, measure) for day in those))


def change(
    days: Iterable[DayFigures], against: Iterable[DayFigures], measure: str
) -> float:
    """Relative change of a measure, .05 being 5 % more.

    Raises:
        DataError: as `total`, or there is nothing to relate to.
    """
    before = total(against, measure)
    if before == 0:
        raise DataError(f"{measure} is 0 in the arm compared with; no change can be given")
    return total(days, measure) / before - 1
