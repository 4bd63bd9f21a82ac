"""Durations as people write them in a surface file: 90s, 5m, 6h, 2d."""

import re
from datetime import timedelta

from sluice.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PATTERN = re.compile(r"(\d+)([smhd])")


def parse_duration(text: str) -> timedelta:
    """Read `<whole number><s|m|h|d>`.

    Raises:
        ConfigError: anything else.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"duration {text!r}: write a whole number and s, m, h or d, like 6h"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def microseconds(text: str) -> int:
    """A duration in µs, the unit of every time in the kernel."""
    return parse_duration(text) // timedelta(microseconds=1)
