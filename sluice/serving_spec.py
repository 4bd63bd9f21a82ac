"""How a surface is served: how old its state may be, what counts as shown, what is kept of answers."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sluice.canary_spec import CanarySpec
from sluice.data.durations import microseconds
from sluice.features.declaration.spec import PositiveDuration

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

CONFIRMED = "confirmed"
"""What was shown is what the client confirms by POST /events."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PredictionsSpec(_Declared):
    """The prediction log: what is kept of every answer, for how long, and how much of it."""

    keep: PositiveDuration = "30d"
    """Sealed files older than this are deleted."""
    max_mb: int = Field(default=20_000, ge=1)
    """Beyond this the oldest sealed files go first."""
    features: Share = 0.01
    """Share of the requests of which the whole feature matrix is kept, for parity by feature."""


class ServingSpec(_Declared):
    """What a service of the surface declares beyond its release."""

    max_state_age: PositiveDuration = "1h"
    """An answer from a state whose newest event is older than this says that it is degraded."""
    shown: Literal["confirmed"] | Annotated[int, Field(ge=1)] = CONFIRMED
    """Whether the client confirms what was shown, or every answer is shown down to this slot."""
    context: tuple[str, ...] = Field(default=(), strict=False)
    """Context columns that clients send with a request, like "context_hour"; `*` stands for any letters.
    What is neither declared nor sent is learned from by no candidate that is let on."""
    predictions: PredictionsSpec = PredictionsSpec()
    canary: CanarySpec = CanarySpec()

    @cached_property
    def max_state_age_us(self) -> int:
        """µs."""
        return microseconds(self.max_state_age)

    @property
    def shown_down_to(self) -> int | None:
        """The last slot of an answer that counts as shown by itself; None where clients confirm."""
        return None if self.shown == CONFIRMED else int(self.shown)


class FeedSpec(_Declared):
    """Where live events come from, beside `sluice ingest` and POST /events."""

    kind: Literal["log", "redis", "kafka"] = "log"
    """`log`: nowhere else; the others are read into the event log by one of the workers of `sluice serve`."""
    address: str | None = None
    """`host:port` of Redis, or of Kafka's brokers, separated by commas."""
    name: str | None = None
    """Of the stream or topic."""
    partition: int = Field(default=0, ge=0)
    """Of the topic; Kafka only."""
    after_gap: Literal["stop", "go_on"] = "stop"
    """What to do when messages are gone that were never read: read nothing more, or count it and read on
    from the oldest message that is left."""
    compact_after: PositiveDuration = "10m"
    """Live rows older than this are put into Parquet parts."""
    keep: PositiveDuration = "4d"
    """How long the order of their arrival is kept, which parity needs."""

    @model_validator(mode="after")
    def _names_its_source(self) -> "FeedSpec":
        if self.kind != "log" and not (self.address and self.name):
            raise ValueError(f"kind {self.kind!r} needs address and name")
        return self
