"""What a client may send before the body, and how long it may take: the same under either server."""

from collections.abc import Mapping
from dataclasses import dataclass

from sluice.errors import ConfigError

HEADER_SECONDS = "SLUICE_HEADER_SECONDS"
"""Variable that shortens or lengthens the time for a head; tests do not wait ten seconds."""


@dataclass(frozen=True)
class HeadLimits:
    """Limits of a request's head; a connection that goes beyond them is answered and closed."""

    bytes: int = 8192
    """Of the request line and all header fields; granian takes no less."""
    seconds: float = 10.0
    """From the connection, or the answer before, to the end of the head."""
    fields: int = 100
    """Granian's own limit, which cannot be set."""

    @property
    def milliseconds(self) -> int:
        return round(self.seconds * 1000)


def head_limits(environ: Mapping[str, str]) -> HeadLimits:
    """The limits, with the time that the environment asks for.

    Raises:
        ConfigError: that is no number of seconds from 0.1 to 60.
    """
    declared = environ.get(HEADER_SECONDS)
    if declared is None:
        return HeadLimits()
    try:
        seconds = float(declared)
    except ValueError:
        seconds = float("nan")
    if not 0.1 <= seconds <= 60:
        raise ConfigError(f"{HEADER_SECONDS} must be a number of seconds from 0.1 to 60")
    return HeadLimits(seconds=seconds)
