"""How late events came, and how old the states were that answered."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import TABLES
from sluice.metrics.parity_report import EventDelay, Spread
from sluice.serving.parity_feed import ACCEPTED, LIVE, Feed, availability

_SECOND = 1e6
_KIND = {
    "exposures": pl.lit("exposure"),
    "feedback": pl.col("kind"),
    "items": pl.lit("item"),
}


def event_delays(feed: Feed, start: int, end: int) -> tuple[EventDelay, ...]:
    """From available to accepted, by kind, of events that became available in a window (µs).

    Only those that came in live: a bulk ingest says nothing of the way that live events take.
    """
    parts = [
        getattr(feed.rows, table)
        .filter(pl.col(LIVE), availability(table).is_between(start, end, closed="left"))
        .select(
            kind=_KIND[table], seconds=(pl.col(ACCEPTED) - availability(table)) / _SECOND
        )
        for table in TABLES
    ]
    by_kind = pl.concat(parts).sort("kind").partition_by("kind", as_dict=True)
    return tuple(
        EventDelay(kind, spread)
        for (kind,), rows in sorted(by_kind.items())
        if (spread := spread_of(rows["seconds"].to_numpy())) is not None
    )


def spread_of(seconds: NDArray[np.float64] | Sequence[float]) -> Spread | None:
    """Median and 95th percentile; None where there is nothing. What lies ahead of us is not late."""
    values = np.maximum(np.asarray(seconds, np.float64), 0.0)
    if not len(values):
        return None
    # The larger neighbour: a percentile that was seen, and none that promises less.
    p50, p95 = np.percentile(values, (50, 95), method="higher")
    return Spread(len(values), float(p50), float(p95))
