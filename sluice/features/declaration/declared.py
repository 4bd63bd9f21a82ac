"""What every part of a declaration is: strict, frozen, with durations as people write them."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from sluice.data.durations import parse_duration
from sluice.errors import ConfigError


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


def positive(text: str) -> str:
    """The duration, unless it is nothing.

    Raises:
        ValueError: it is, or is no duration.
    """
    if parse_duration(_duration(text)).total_seconds() <= 0:
        raise ValueError(f"duration {text!r}: must be longer than nothing")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
PositiveDuration = Annotated[str, AfterValidator(positive)]


class Declared(BaseModel):
    """A part of a declaration; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
