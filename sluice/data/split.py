"""Splits of a log by time; there is no other kind, because a random split lets a ranker see tomorrow."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sluice.data.tables import Window
from sluice.errors import ConfigError

JUDGED_SHARE = Fraction(2, 7)
"""Of the log's time, where a surface declares nothing else: five days to fit, two to judge."""


@dataclass(frozen=True)
class TimeSplit:
    """Requests before `fit_end` are fitted, those from it on are judged."""

    window: Window
    fit_end: datetime

    @property
    def fit(self) -> Window:
        return Window(self.window.start, self.fit_end)

    @property
    def judged(self) -> Window:
        return Window(self.fit_end, self.window.end)


def time_split(window: Window, judged: Fraction = JUDGED_SHARE) -> TimeSplit:
    """Split so that the last `judged` share of the window's time is judged.

    Raises:
        ConfigError: the share leaves nothing to fit or nothing to judge.
    """
    if not 0 < judged < 1:
        raise ConfigError(f"judged share {judged}: must lie between 0 and 1, both excluded")
    return TimeSplit(
        window, window.end - window.length * judged.numerator / judged.denominator
    )
