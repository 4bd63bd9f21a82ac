"""The event log's three tables in memory, and the stretch of time they cover."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from sluice.errors import ConfigError


@dataclass(frozen=True)
class Window:
    """A stretch of time, `start` included, `end` not. Both carry UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ConfigError(
                f"window {self.start} .. {self.end}: give times with a zone (UTC)"
            )
        if self.start >= self.end:
            raise ConfigError(
                f"window {self.start} .. {self.end}: the end must lie after the start"
            )

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True)
class LogTables:
    """Exposures, feedback and items, with the columns and types of `sluice.data.schema`.

    Exposures are sorted by (ts, request_id) and keep the shown order within a request.
    """

    exposures: pl.DataFrame
    feedback: pl.DataFrame
    items: pl.DataFrame

    def between(self, window: Window) -> "LogTables":
        """Exposures shown in the window, all else known by its end.

        Feedback is kept by when it was *received*, so that a label which arrived later stays
        unknown. Feedback from before the window stays: it is what was known at its start.
        """
        end = pl.lit(window.end)
        return LogTables(
            exposures=self.exposures.filter(
                (pl.col("ts") >= pl.lit(window.start)) & (pl.col("ts") < end)
            ),
            feedback=self.feedback.filter(
                (pl.col("received_ts") < end) & (pl.col("ts") < end)
            ),
            items=self.items.filter(pl.col("valid_from") < end),
        )
