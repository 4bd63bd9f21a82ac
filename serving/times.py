"""Times as they come over HTTP: µs since 1970 as an integer, or RFC 3339 with any offset."""

import re
import time
from datetime import UTC, datetime, timedelta

EARLIEST = -62_135_596_800_000_000
"""Start of the year 1 in µs: no date that RFC 3339 and Python can both write is earlier."""
LATEST = 253_402_300_799_999_999
"""Last µs of the year 9999."""

RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""Digits beyond the µs are cut off; a leap second is refused."""

_FORM = re.compile(RFC_3339.replace("$", r"\Z"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_micros() -> int:
    """The clock: µs since the epoch."""
    return time.time_ns() // 1000


def micros(moment: datetime) -> int:
    """µs since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def parse_time(value: object) -> int | None:
    """µs since the epoch; None where the value is no time."""
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if EARLIEST <= value <= LATEST else None


def _parse_text(text: str) -> int | None:
    if not _FORM.match(text):
        return None
    try:
        moment = micros(datetime.fromisoformat(text.upper()))
    except ValueError:
        return None
    return moment if EARLIEST <= moment <= LATEST else None
