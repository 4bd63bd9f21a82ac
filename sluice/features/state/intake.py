"""Events on their way into a state: read from tables and coded."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.layout import TABLE, Rows
from sluice.features.declaration.spec import EXPOSURE
from sluice.features.engine.counters import Queue
from sluice.features.strings.codes import Codes


@dataclass(frozen=True)
class Events:
    """Events of one kind, as they came."""

    at: NDArray[np.int64]
    """[events] µs since when each may be counted."""
    item: pl.Series
    user: pl.Series
    answers: NDArray[np.bool_]
    """[events] whether it answers a logged exposure."""


@dataclass(frozen=True)
class Arrivals:
    """Events of one kind, coded, as they came."""

    at: NDArray[np.int64]
    item: NDArray[np.int32]
    user: NDArray[np.int32]
    answers: NDArray[np.bool_]


@dataclass(frozen=True)
class Names:
    """Ids of everything that has one."""

    items: Codes = field(default_factory=Codes)
    users: Codes = field(default_factory=Codes)
    providers: Codes = field(default_factory=Codes)
    categories: Codes = field(default_factory=Codes)

    def copy(self) -> "Names":
        """The same names, to be added to elsewhere."""
        return Names(**{name: codes.copy() for name, codes in vars(self).items()})

    @property
    def ids(self) -> dict[str, list[str | None]]:
        """Ids by kind, each at its code; None where a code has none."""
        return {name: codes.ids.tolist() for name, codes in vars(self).items()}


def known_events(
    tables: LogTables, kinds: tuple[str, ...], embargo: int
) -> Iterator[Events]:
    """The events of each kind."""
    # By column: a filter of whole tables costs more than a small batch does.
    feedback = tables.feedback
    for kind in kinds:
        if kind == EXPOSURE:
            at = microseconds_of(tables.exposures["ts"])
            answers = np.ones(len(at), np.bool_)
            item, user = tables.exposures["item_id"], tables.exposures["user_id"]
        else:
            wanted = feedback["kind"] == FeedbackKind(kind).value
            ts, received, item, user, request = (
                feedback[name].filter(wanted)
                for name in ("ts", "received_ts", "item_id", "user_id", "request_id")
            )
            at = np.maximum(microseconds_of(ts), microseconds_of(received))
            answers = _valid(request)
        yield Events(at + embargo if embargo else at, item, user, answers)


def microseconds_of(column: pl.Series) -> NDArray[np.int64]:
    """[rows] µs since the epoch of a column of times, NEVER where there is none."""
    return column.to_numpy().astype("datetime64[us]", copy=False).view(np.int64)


def _valid(column: pl.Series) -> NDArray[np.bool_]:
    if column.null_count():
        return column.is_not_null().to_numpy()
    return np.ones(len(column), np.bool_)


def coded(events: Events, names: Names) -> Arrivals:
    """Events in codes; their new ids are numbered."""
    return Arrivals(
        at=events.at,
        item=names.items.learn(events.item),
        user=names.users.learn_runs(events.user),
        answers=events.answers,
    )


def keys_coming(rows: Rows, queue: Queue, names: Names) -> NDArray[np.int64]:
    """[tables] codes, or at most so many new keys, once every waiting event is counted."""
    codes = {"item": names.items, "user": names.users, "surface": ("all",),
             "provider": names.providers, "category": names.categories}  # fmt: skip
    coming = np.zeros(len(rows.keys), np.int64)
    for kind, count in enumerate(queue.end - queue.applied):
        first, end = rows.updates_first[kind : kind + 2]
        coming[rows.updates[first:end, TABLE]] += count
    for table, key in enumerate(rows.keys):
        if key in codes:
            coming[table] = len(codes[key])
    return coming
