"""Dwell by person and day: by visit it would rise when people stop coming."""

from typing import ClassVar

import numpy as np

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.ages import DAY
from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class Dwell(Measure):
    """Dwell by person and day: by visit it would rise when people stop coming."""

    name: ClassVar[str] = "dwell_seconds"
    meaning: ClassVar[str] = (
        "seconds that a person of the window spends on what was shown, a day"
    )
    party: ClassVar[Party] = Party.PEOPLE
    better: ClassVar[Better] = Better.HIGHER
    position: ClassVar[int] = 50

    def figure(self, shown: Exposures) -> Figure:
        if FeedbackKind.DWELL not in shown.answered:
            return not_given("the log has no dwell")
        spent = shown.of(FeedbackKind.DWELL)
        seconds = np.bincount(
            shown.who[spent.request], weights=spent.value, minlength=shown.people
        ).astype(np.float64)
        days = np.full(shown.people, (shown.end - shown.start) / DAY)
        return by_person(shown, np.arange(shown.people), seconds, days)
