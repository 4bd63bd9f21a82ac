"""One thing that is not as usual: what, where, how much, since when."""

from dataclasses import dataclass
from enum import StrEnum

from sluice.monitors.usual.profile import EVERYWHERE


class Family(StrEnum):
    """By what it was seen; each has a limit of its own."""

    COLUMNS = "columns"
    """A column's values, over all rows."""
    SEGMENTS = "segments"
    """A column's values within one segment."""
    SHARES = "shares"
    """Volume, or the share of rows that a segment has."""
    SLOW = "slow"
    """Small steps that add up over windows."""
    DOMAIN = "domain"
    """A classifier tells the window's rows from usual ones."""


@dataclass(frozen=True)
class Finding:
    """A figure beyond its limit."""

    family: Family
    name: str
    """The column, or the series, e.g. share[category=news]."""
    figure: str
    """E.g. psi; `shift` where it has a sign."""
    where: str
    """`dimension=level`, or everywhere."""
    value: float
    usual: float
    """The value at the limit."""
    score: float
    """Deviations beyond what is usual of this figure."""
    limit: float
    """Deviations that the greatest of its family may reach."""
    since: int
    """Windows in a row, this one included, that lie beyond."""

    @property
    def column(self) -> str:
        """The column that it is of; of a volume or a share, its own name."""
        kind, _, rest = self.name.partition("[")
        return rest.removesuffix("]") if kind in {"mean_rank", "unknown"} else self.name

    @property
    def sentence(self) -> str:
        """For a person."""
        place = "" if self.where == EVERYWHERE else f" in {self.where}"
        return f"{self.name}{place}: {self.figure} {self.value:.3g}, usually up to {self.usual:.3g}"


@dataclass(frozen=True)
class Place:
    """A segment, and how much of a change goes away without it."""

    where: str
    explained: float
    """Share of what is beyond the usual that is gone when its rows are left out."""
    rows: float
    """Share of the rows that it has."""


@dataclass(frozen=True)
class Companion:
    """What moved at the same time."""

    name: str
    score: float
    """Deviations from its usual, with its sign."""
