"""What a surface declares about its canaries: how much worse is too much, and when it is looked at."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sluice.data.durations import parse_duration
from sluice.features.declaration.spec import PositiveDuration

FIRST_LOOK = 1 / 512
"""Of the whole duration: twenty minutes of a week."""


class CanarySpec(BaseModel):
    """The rules by which a canary is judged; they are fixed when it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    margin: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.02
    """Relative loss of clicks that is tolerated; surely more than that, it is withdrawn."""
    confidence: Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)] = 0.95
    """That no interval misses the truth, over all looks and both metrics together."""
    looks: int = Field(default=16, ge=2, le=100)
    """How often it is judged; more looks find a loss earlier and need a larger one to see it."""
    min_requests: int = Field(default=500, ge=1)
    """In each arm; with fewer nothing is decided."""
    min_users: int = Field(default=100, ge=2)
    """In each arm."""
    max_duration: PositiveDuration = "7d"
    """After the last look a canary that is not shown to be good enough is withdrawn."""

    def look_times(self, since: datetime) -> tuple[datetime, ...]:
        """When it is judged: each look later than the last by the same factor, up to the end.

        Early looks are close together, where a broken canary shows at once; late ones far apart,
        where only more data would tell more.
        """
        whole = parse_duration(self.max_duration)
        return tuple(since + whole * self._passed(look) for look in range(self.looks))

    def _passed(self, look: int) -> float:
        return FIRST_LOOK ** (1 - look / (self.looks - 1))

    @property
    def duration(self) -> timedelta:
        return parse_duration(self.max_duration)
