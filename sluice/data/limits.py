"""What a row may be at most: one set of limits for the event log and for the server.

Whatever the server accepts, the log can store: both read these.
"""

from datetime import UTC, datetime, timedelta

MAX_ID_CHARACTERS = 1024
"""Of every id: people, items, requests."""
MAX_CANDIDATES = 10_000
"""Of one request."""
FLOAT32_MAX = 3.4028234663852886e38
"""Features and context are float32; a larger number would become infinite."""
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Anything older is an epoch in the wrong unit: no interaction log reaches back that far."""
CLOCK_AHEAD = timedelta(minutes=1)
"""How far ahead of our clock a time may lie: clocks differ, and a row may be under way."""
