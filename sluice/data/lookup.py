"""What the log knows of the rows of a batch, without reading more of it than may hold them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from sluice.data.frames import empty_frame
from sluice.data.journal import JournalReader
from sluice.data.keyed_rows import Hashes, KeyedRows, key_hashes, request_hashes
from sluice.data.log_view import LogView
from sluice.data.parts import DAY_OF, Parts, day_of, read_part
from sluice.data.recent_rows import RecentRows
from sluice.data.row_rules import REQUEST_COLUMNS
from sluice.data.tables import LogTables

SHOWN = [*REQUEST_COLUMNS, "surface"]
"""What must be known of a request to judge the feedback on it, and where it belongs."""


@dataclass(frozen=True)
class Known:
    """Logged rows that a batch may repeat, contradict or answer."""

    rows: LogTables
    """Of the same keys; all that was shown by requests that the batch shows."""
    shown: pl.DataFrame
    """SHOWN of the requests that the batch's feedback answers."""


class Lookup:
    """Looks through live rows in memory, and through those parts only that may hold a key.

    For one thread at a time.
    """

    def __init__(self, parts: Parts) -> None:
        self.recent = RecentRows()
        self._parts = parts
        self._listed: tuple[int, dict[str, list[Path]]] | None = None

    def known(self, reader: JournalReader, batch: LogTables) -> Known:
        """What the log knows at the reader's moment, when no part can come or go."""
        self.recent.catch_up(reader)
        listed = self._listing(reader)
        shows = np.unique(key_hashes("exposures", batch.exposures))
        answers = np.unique(request_hashes(batch.feedback["request_id"]))
        return Known(
            rows=LogTables(
                exposures=self._rows("exposures", listed["exposures"], shows),
                feedback=self._same_days("feedback", listed, batch.feedback),
                items=self._same_days("items", listed, batch.items),
            ),
            shown=pl.concat(
                [
                    shown_in_parts(self._parts, listed["exposures"], answers),
                    self.recent.matching("exposures", answers)[SHOWN],
                ]
            ),
        )

    def _same_days(
        self, table: str, listed: dict[str, list[Path]], batch: pl.DataFrame
    ) -> pl.DataFrame:
        if batch.is_empty():
            return empty_frame(table)
        days = set(batch[DAY_OF[table]].dt.date())
        paths = [path for path in listed[table] if day_of(path) in days]
        return self._rows(table, paths, np.unique(key_hashes(table, batch)))

    def _rows(self, table: str, paths: list[Path], wanted: Hashes) -> pl.DataFrame:
        if not wanted.size:
            return empty_frame(table)
        parts = [
            KeyedRows.of(table, read_part(path)).matching(wanted)
            for path in paths
            if self._parts.keys(path).may_hold(wanted)
        ]
        recent = self.recent.matching(table, wanted)
        if not parts:
            return recent
        return pl.concat([empty_frame(table), *parts, recent], how="diagonal")

    def _listing(self, reader: JournalReader) -> dict[str, list[Path]]:
        generation = reader.generation()
        if self._listed is None or self._listed[0] != generation:
            listed = self._parts.listed(reader.cut())
            self._parts.retain(path for paths in listed.values() for path in paths)
            self._listed = generation, listed
        return self._listed[1]


def shown_in_parts(parts: Parts, paths: list[Path], wanted: Hashes) -> pl.DataFrame:
    """SHOWN of the requests with one of these hashes."""
    shown = [
        parts.shown(path, wanted, SHOWN)
        for path in paths
        if parts.keys(path).may_hold(wanted)
    ]
    return pl.concat([empty_frame("exposures")[SHOWN], *shown])


def answered_surfaces(
    feedback: pl.DataFrame, shown: pl.DataFrame, view: LogView, parts: Parts
) -> pl.Series:
    """The surface of the request that each feedback row answers; null where it answers none.

    Args:
        feedback: rows of the log.
        shown: exposures at hand, in which the requests are looked for first.
        view: the log, for all other requests.
        parts: of the same log.
    """
    answers = feedback.select("request_id").drop_nulls().unique()
    at_hand = shown.select("request_id", "surface").join(
        answers, on="request_id", how="semi"
    )
    other = answers.join(at_hand, on="request_id", how="anti")
    wanted = np.unique(request_hashes(other["request_id"]))
    earlier = shown_in_parts(parts, view.paths["exposures"], wanted)
    live = view.live.exposures.join(other, on="request_id", how="semi")
    requests = pl.concat(
        [frame.select("request_id", "surface") for frame in (at_hand, earlier, live)]
    ).unique("request_id")
    return feedback.join(requests, on="request_id", how="left", maintain_order="left")[
        "surface"
    ]
