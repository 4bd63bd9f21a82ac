"""Whether people come back the next day."""

from typing import ClassVar

import numpy as np

from sluice.ecosystem.ages import DAY
from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class ReturnNextDay(Measure):
    """Whether people come back the next day."""

    name: ClassVar[str] = "return_next_day"
    meaning: ClassVar[str] = (
        "share of the days of a person (UTC) after which the person is here the next day too"
    )
    party: ClassVar[Party] = Party.PEOPLE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 51

    def figure(self, shown: Exposures) -> Figure:
        # A day that the window cuts would have fewer returns than there were.
        first, last = -(-shown.start // DAY), shown.end // DAY
        days = last - first
        if days < 2:
            return not_given("the window has no two whole days")
        day = shown.moment // DAY
        whole = (day >= first) & (day < last)
        visits = np.unique(shown.who[whole] * days + day[whole] - first)
        who, day = np.divmod(visits, days)
        may = (day < days - 1).astype(np.float64)
        again = np.isin(visits + 1, visits) * may
        return by_person(shown, who, again, may)
