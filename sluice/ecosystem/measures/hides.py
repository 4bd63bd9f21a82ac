"""How often people send away what they are shown."""

from typing import ClassVar

import numpy as np

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.by_person import by_person
from sluice.ecosystem.exposures import Exposures
from sluice.ecosystem.figure import Figure, not_given
from sluice.ecosystem.measure import Better, Measure, Party


class Hides(Measure):
    """How often people send away what they are shown."""

    name: ClassVar[str] = "hides_per_1000"
    meaning: ClassVar[str] = "hides and reports a thousand exposures"
    party: ClassVar[Party] = Party.PEOPLE
    better: ClassVar[Better] = Better.LOWER
    position: ClassVar[int] = 52

    def figure(self, shown: Exposures) -> Figure:
        if not shown.answered & {FeedbackKind.HIDE, FeedbackKind.REPORT}:
            return not_given("the log has neither hides nor reports")
        gone = shown.of(FeedbackKind.HIDE, FeedbackKind.REPORT)
        who = np.concatenate([shown.who[gone.request], shown.viewer])
        hidden = np.concatenate(
            [np.full(len(gone.request), 1000.0), np.zeros(len(shown.item))]
        )
        views = np.concatenate([np.zeros(len(gone.request)), np.ones(len(shown.item))])
        return by_person(shown, who, hidden, views)
