"""Limits of what the log takes and the server answers, defined once for both.

Whatever `/rank` accepts, the log accepts too, and the other way round.
"""

from datetime import UTC, datetime, timedelta

MAX_ID_CHARACTERS = 1024
"""Code points of any id, request ids and item ids that are URLs among them."""
MAX_CANDIDATES = 10_000
"""Of one request."""
FLOAT32_MAX = 3.4028234663852886e38
"""Context is kept as float32; a larger number would become infinite."""
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Anything older is an epoch in the wrong unit: no interaction log reaches back that far."""
CLOCK_AHEAD = timedelta(minutes=1)
"""How far ahead of our clock a time may lie, because no two clocks agree."""
