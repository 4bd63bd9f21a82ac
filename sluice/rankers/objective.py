"""What a person may do about an item, as something to be foretold."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sluice.data.schema import FeedbackKind
from sluice.errors import DataError
from sluice.features.state.frame import RankingFrame


class Objective(BaseModel):
    """Whether feedback of a kind reaches a value: a click, or a dwell of at least 30 seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    kind: Annotated[FeedbackKind, Field(strict=False)]
    at_least: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """In the kind's unit; 1 for a plain event."""

    def outcomes(self, frame: RankingFrame) -> NDArray[np.bool_]:
        """Whether it came about, [rows]; no feedback is a no.

        Raises:
            DataError: the frame was made without this kind of feedback.
        """
        if self.kind.value not in frame.feedback:
            there = ", ".join(frame.feedback) or "none"
            raise DataError(
                f"objective {self.name}: the frame holds no feedback of kind {self.kind.value}; "
                f"there is: {there}; replay the log with this ranker's kinds"
            )
        return frame.feedback[self.kind.value] >= self.at_least
