"""A log as it arrives: rows one after the other, some of them late, and requests in between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from sluice.data.tables import LogTables
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.late import Late
from tests.lib.random_logs import ITEM_IDS, USER_IDS, eventful_logs, micros

SECOND = 1_000_000
TABLES = ("exposures", "feedback", "items")


@dataclass(frozen=True)
class Row:
    """One row of a log on its way."""

    table: str
    number: int
    known: int
    """µs since when it was known, by its own times."""
    arrives: int
    """µs."""


@dataclass(frozen=True)
class LiveLog:
    """A log, and the order in which its rows come."""

    tables: LogTables
    rows: tuple[Row, ...]

    def batch(self, rows: Sequence[Row]) -> LogTables:
        """These rows as tables, each in the order in which they came."""
        picked = {
            name: [row.number for row in rows if row.table == name] for name in TABLES
        }
        return LogTables(
            **{name: getattr(self.tables, name)[picked[name]] for name in TABLES}
        )


@dataclass(frozen=True)
class Played:
    """What a state answered while a log arrived."""

    answers: tuple[np.ndarray, ...]
    late: int
    """Events that were counted late."""


def _known(tables: LogTables) -> Iterator[tuple[str, int, int]]:
    for number, ts in enumerate(tables.exposures["ts"]):
        yield "exposures", number, micros(ts)
    for number, times in enumerate(tables.feedback.select("ts", "received_ts").iter_rows()):
        yield "feedback", number, max(map(micros, times))
    for number, ts in enumerate(tables.items["valid_from"]):
        yield "items", number, micros(ts)


@st.composite
def punctual_logs(draw, embargo_s: int) -> LiveLog:
    """Rows that come up to the embargo after they were known, and in any order where they come at once."""
    tables = draw(eventful_logs())
    delays = st.sampled_from((0, 1, embargo_s // 2, embargo_s - 1, embargo_s))
    rows = [
        Row(table, number, known, known + draw(delays) * SECOND)
        for table, number, known in _known(tables)
    ]
    shuffled = draw(st.permutations(rows))
    return LiveLog(tables, tuple(sorted(shuffled, key=lambda row: row.arrives)))


@st.composite
def disordered_logs(draw) -> LiveLog:
    """Rows in any order at all: clicks before their exposures, facts after newer ones."""
    tables = draw(eventful_logs())
    rows = [Row(table, number, known, known) for table, number, known in _known(tables)]
    return LiveLog(tables, tuple(draw(st.permutations(rows))))


def batches(rows: Sequence[Row], sizes: Sequence[int]) -> Iterator[Sequence[Row]]:
    """The rows in batches of these sizes, over and over."""
    begin = nth = 0
    while begin < len(rows):
        size = sizes[nth % len(sizes)]
        yield rows[begin : begin + size]
        begin, nth = begin + size, nth + 1


def play(
    state: FeatureState,
    live: LiveLog,
    sizes: Sequence[int],
    times: Sequence[int],
    *,
    pack: bool,
) -> Played:
    """Push a log in batches, each followed by a request at the next of `times` (µs), or as soon as can be.

    Args:
        state: is told.
        live: the log.
        sizes: rows of the batches.
        times: of requests.
        pack: let go after each batch of all that can be let go of.
    """
    answers, late = [], 0
    for nth, rows in enumerate(batches(live.rows, sizes)):
        late += state.push(live.batch(rows), Late.COUNT).late
        if pack:
            state.forget()
        ts = max(times[nth % len(times)], state.earliest)
        asked = Request(USER_IDS[nth % len(USER_IDS)], (*ITEM_IDS, "new"), ts)
        answers.append(state.features(asked))
    return Played(tuple(answers), late)
