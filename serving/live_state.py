"""A release's feature state, kept up with the event log while it serves.

The state is the release's own, which knows what was received before the end of its snapshot
(`Provenance.until`), plus every row of its surface that became available since. Rows from before that
end which arrive later wait for the next training: so a server that ran and one that was restarted
hold the same state.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from sluice.data.event_log import EventLog
from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.state.feature_state import FeatureState, Late, Pushed
from sluice.serving.release import LoadedRelease

_LOG = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Progress:
    """What a state has taken in."""

    position: int
    """Of the newest batch of the feed that it holds."""
    late: int
    """Events that arrived at or before the state's clock, and count from then on."""


class LiveState:
    """Not thread-safe, as the state is not: whoever holds it asks and refreshes from one thread at a time."""

    def __init__(self, release: LoadedRelease, feed: EventLog | None) -> None:
        """Nothing is read before `catch_up`; without a feed the state stays at its snapshot."""
        provenance = release.manifest.provenance
        self.release = release
        self._surface, self._until = provenance.surface, provenance.until
        self._feed, self._position, self._late = feed, 0, 0

    @property
    def state(self) -> FeatureState:
        return self.release.scorer.state

    @property
    def progress(self) -> Progress:
        return Progress(self._position, self._late)

    @property
    def waits(self) -> bool:
        """Whether the feed may have something that the state does not hold."""
        return self._feed is not None and self._feed.changed(self._position)

    @property
    def behind(self) -> int:
        """Batches of the feed that the state does not hold yet."""
        return self._feed.position() - self._position if self._feed else 0

    def catch_up(self) -> None:
        """Bring the state from its snapshot to now; once, before the first answer.

        Raises:
            DataError: a row cannot be taken into the state.
            IntegrityError: a part of the log is truncated or changed.
        """
        if self._feed is None:
            return
        moment = _EPOCH + timedelta(microseconds=self._until)
        tables, self._position = self._feed.since(moment, self._surface)
        self._push(tables)
        self.refresh()

    def refresh(self) -> bool:
        """Take in what the feed has beyond the state's position; whether there was anything.

        Raises:
            Superseded: the feed no longer keeps what comes next; open the release anew.
        """
        if self._feed is None or not self.waits:
            return False
        before = self._position
        for batch in self._feed.tail(self._position):
            self._push(self._since_the_snapshot(batch.for_surface(self._surface)))
            self._position = batch.position
        return self._position != before

    def _push(self, tables: LogTables) -> None:
        self._late += take(self.state, tables).late

    def _since_the_snapshot(self, tables: LogTables) -> LogTables:
        until = pl.lit(_EPOCH + timedelta(microseconds=self._until))
        available = {
            "exposures": pl.col("ts"),
            "feedback": pl.max_horizontal("ts", "received_ts"),
            "items": pl.col("valid_from"),
        }
        frames = {table: getattr(tables, table) for table in available}
        return LogTables(
            **{
                table: frame.filter(available[table] >= until) if frame.height else frame
                for table, frame in frames.items()
            }
        )


def take(state: FeatureState, tables: LogTables) -> Pushed:
    """Take rows into a state that serves, late ones too."""
    try:
        return state.push(tables, Late.COUNT)
    except DataError:
        # Vectors of another length than the state's: the rest of the batch must not wait for them.
        _LOG.exception("embeddings cannot be taken into the state, and are left out of it")
        plain = tables.items.with_columns(
            embedding=pl.lit(None, tables.items["embedding"].dtype)
        )
        return state.push(replace(tables, items=plain), Late.COUNT)
