"""Where a measure is to lie."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Bound = Annotated[float, Field(allow_inf_nan=False)]


class Target(BaseModel):
    """Where the measure NAME is to lie: one bound or both, each of them allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    at_least: Bound | None = None
    """In the measure's unit; the whole interval is to lie at or over it."""
    at_most: Bound | None = None
    """The same, at or under it."""

    @model_validator(mode="after")
    def _asks_something(self) -> "Target":
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most or both")
        if (
            self.at_least is not None
            and self.at_most is not None
            and self.at_least > self.at_most
        ):
            raise ValueError(
                f"nothing is at least {self.at_least} and at most {self.at_most}"
            )
        return self
