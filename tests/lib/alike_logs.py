"""A log of people and items of two kinds, even and odd: everybody clicks what is of their own kind."""

import numpy as np
import polars as pl

from sluice.data.tables import LogTables
from tests.lib.random_logs import log

USERS, ITEMS, REQUESTS, SHOWN = 40, 60, 400, 6
DAY = 86_400
"""Seconds."""
RECEIVED = 7
"""Seconds after which a click is known."""


def two_kinds(requests: int = REQUESTS) -> LogTables:
    """A hundred requests a day, two of them at each moment, of six items each."""
    rng = np.random.default_rng(0)
    asked, clicks = [], []
    for number in range(requests):
        seconds, user = number // 2 * DAY // 50, int(rng.integers(USERS))
        shown = rng.permutation(ITEMS)[:SHOWN].tolist()
        asked.append((seconds, f"u{user}", [f"i{item}" for item in shown]))
        clicks += [
            (number, f"u{user}", f"i{item}", seconds + 1, seconds + RECEIVED)
            for item in shown
            if item % 2 == user % 2
        ]
    return log(asked, clicks)


def between(tables: LogTables, since: int | None, until: int) -> LogTables:
    """What was known from `since` on and before `until`, µs; from the beginning without."""

    def inside(*columns: str) -> pl.Expr:
        known = pl.max_horizontal(columns).dt.timestamp("us")
        return (known < until) & (True if since is None else known >= since)

    return LogTables(
        tables.exposures.filter(inside("ts")),
        tables.feedback.filter(inside("ts", "received_ts")),
        tables.items.filter(inside("valid_from")),
    )
