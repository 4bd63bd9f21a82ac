"""Events on their way into a state: read from tables, coded, and put in order."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.codes import Codes
from sluice.features.counters import (
    Facts,
    Queue,
    Vectors,
    empty_queue,
    longer,
    merged_facts,
)
from sluice.features.plan import Plan
from sluice.features.rows import ITEM, NEVER, TABLE, UNKNOWN, USER, Rows
from sluice.features.spec import CLICK, EXPOSURE


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


NO_ARRIVALS = Arrivals(
    np.zeros(0, np.int64),
    np.zeros(0, np.int32),
    np.zeros(0, np.int32),
    np.zeros(0, np.bool_),
)


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
    for kind in kinds:
        if kind == EXPOSURE:
            told, known = tables.exposures, tables.exposures["ts"]
            answers = np.ones(len(told), np.bool_)
        else:
            told = tables.feedback.filter(pl.col("kind") == FeedbackKind(kind).value)
            known = told.select(pl.max_horizontal("ts", "received_ts")).to_series()
            answers = told["request_id"].is_not_null().to_numpy()
        at = known.dt.timestamp("us").to_numpy()
        yield Events(
            at + embargo if embargo else at, told["item_id"], told["user_id"], answers
        )


def coded(events: Events, names: Names) -> Arrivals:
    """Events in codes; their new ids are numbered."""
    return Arrivals(
        at=events.at,
        item=names.items.learn(events.item),
        user=names.users.learn_runs(events.user),
        answers=events.answers,
    )


def oldest_needed(queue: Queue, plan: Plan, clock: int) -> list[int]:
    """By kind, the first event that some window still holds, or a request could ask for."""
    edge, windows = clock - plan.longest_window, len(plan.rows.windows)
    oldest = []
    for kind, applied in enumerate(queue.applied.tolist()):
        first = int(queue.first[kind])
        reached = first + int(np.searchsorted(queue.at[first:applied], edge))
        leaving = plan.rows.expiries_first[kind * windows : (kind + 1) * windows + 1]
        inside = queue.expired[kind][np.diff(leaving) > 0].tolist()
        # The newest stays in any case: it is the clock.
        oldest.append(max(first, min(reached, *inside, applied - 1)))
    return oldest


def joined_queue(
    queue: Queue,
    arrivals: list[Arrivals],
    kinds: tuple[str, ...],
    oldest: list[int],
    names: Names,
) -> Queue:
    """The queue without what it need not keep, and with what arrived in its place.

    Args:
        queue: what was there.
        arrivals: by kind.
        kinds: names of the kinds.
        oldest: by kind, the first event that is still needed.
        names: to put clicks of one moment into an order that does not depend on the batches.
    """
    kept = queue.first[1:] - np.array(oldest)
    begin = np.concatenate([[0], np.cumsum([len(each.at) for each in arrivals] + kept)])
    joined = empty_queue(len(kinds), queue.expired.shape[1], int(begin[-1]))
    moved = begin[:-1] - np.array(oldest)
    joined = joined._replace(
        first=begin,
        applied=queue.applied + moved,
        expired=np.maximum(queue.expired, np.array(oldest)[:, None]) + moved[:, None],
    )
    for kind, name in enumerate(kinds):
        _fill(joined, queue, kind, oldest[kind], arrivals[kind])
        _put_in_order(joined, kind, names if name == CLICK else None)
    return joined


def _fill(joined: Queue, queue: Queue, kind: int, oldest: int, new: Arrivals) -> None:
    """One kind's events: what is kept of the old, then the new as they came."""
    begin, end = int(joined.first[kind]), int(joined.first[kind + 1])
    more = end - len(new.at)
    for column, old in zip(joined[:3], queue[:3], strict=True):
        column[..., begin:more] = old[..., oldest : queue.first[kind + 1]]
    joined.at[more:end], joined.answers[more:end] = new.at, new.answers
    joined.codes[ITEM, more:end], joined.codes[USER, more:end] = new.item, new.user
    joined.codes[USER + 1 :, more:end] = UNKNOWN


def _put_in_order(joined: Queue, kind: int, names: Names | None) -> None:
    """Sort one kind's events that wait."""
    waiting = slice(int(joined.applied[kind]), int(joined.first[kind + 1]))
    order = _order(joined.at[waiting], joined.codes[:, waiting], names)
    for column in joined[:3] if order is not None else ():
        column[..., waiting] = column[..., waiting][..., order]


def _order(
    at: NDArray[np.int64], codes: NDArray[np.int32], names: Names | None
) -> NDArray[np.int64] | None:
    """By time, or None where they are in order; whose click came last matters also at one moment."""
    in_order = bool((at[1:] >= at[:-1]).all())
    if in_order and names is None:
        return None
    order = np.arange(len(at)) if in_order else np.argsort(at, kind="stable")
    if names is not None:
        same = at[order[1:]] == at[order[:-1]]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        if len(tied):
            order[tied] = _order_by_name(at, codes, order[tied], names)
            return order
    return None if in_order else order


def _order_by_name(
    at: NDArray[np.int64], codes: NDArray[np.int32], events: NDArray[np.int64], names: Names
) -> NDArray[np.int64]:
    """Events that share their moment with another, by person and item: codes follow the batches."""
    keys = pl.DataFrame({
        "at": at[events], "event": events,
        "user": names.users.decode(codes[USER, events]),
        "item": names.items.decode(codes[ITEM, events]),
    }, schema={"at": pl.Int64, "event": pl.Int64, "user": pl.String, "item": pl.String})  # fmt: skip
    return keys.sort("at", "user", "item", maintain_order=True)["event"].to_numpy()


def keys_coming(rows: Rows, queue: Queue, names: Names) -> NDArray[np.int64]:
    """[tables] codes, or at most so many new keys, once every waiting event is counted."""
    codes = {"item": names.items, "user": names.users, "surface": ("all",),
             "provider": names.providers, "category": names.categories}  # fmt: skip
    coming = np.zeros(len(rows.keys), np.int64)
    for kind, count in enumerate(queue.first[1:] - queue.applied):
        first, end = rows.updates_first[kind : kind + 2]
        coming[rows.updates[first:end, TABLE]] += count
    for table, key in enumerate(rows.keys):
        if key in codes:
            coming[table] = len(codes[key])
    return coming


def with_facts(
    facts: Facts, vectors: Vectors, items: pl.DataFrame, names: Names
) -> tuple[Facts, Vectors]:
    """What is not yet believed, with what is newly said, and the vectors it speaks of.

    Args:
        facts: not yet believed.
        vectors: of the items so far.
        items: what is newly said; without an `embedding` column none is kept.
        names: of everything; what is new is numbered.

    Raises:
        DataError: embeddings of different lengths.
    """
    ordered = items.sort("valid_from", "item_id")
    told = names.items.learn(ordered["item_id"])
    rows = np.full(len(ordered), UNKNOWN, np.int32)
    vectors = vectors._replace(of_item=longer(vectors.of_item, len(names.items), UNKNOWN))
    if "embedding" in ordered.columns:
        vectors = _with_vectors(vectors, ordered["embedding"], rows)
    new = Facts(
        at=ordered["valid_from"].dt.timestamp("us").to_numpy(),
        item=told,
        provider=names.providers.learn(ordered["provider_id"]),
        category=names.categories.learn(ordered["category"]),
        born=ordered["published_at"].dt.timestamp("us").fill_null(NEVER).to_numpy(),
        vector=rows,
        applied=np.zeros(1, np.int64),
    )
    return merged_facts(facts, new), vectors


def _with_vectors(
    vectors: Vectors, embeddings: pl.Series, rows: NDArray[np.int32]
) -> Vectors:
    """The vectors and those of `embeddings`, whose rows are put into `rows`."""
    given = embeddings.is_not_null().to_numpy()
    if not given.any():
        return vectors
    values = _matrix(embeddings.drop_nulls(), vectors)
    rows[given] = len(vectors.values) + np.arange(len(values), dtype=np.int32)
    before = vectors.values.reshape(-1, values.shape[1])
    return vectors._replace(values=np.concatenate([before, values]))


def _matrix(embeddings: pl.Series, vectors: Vectors) -> NDArray[np.float32]:
    lengths = set(embeddings.list.len().unique().to_list())
    if len(vectors.values):
        lengths.add(vectors.values.shape[1])
    if len(lengths) > 1:
        raise DataError(
            f"items.embedding: vectors of {', '.join(map(str, sorted(lengths)))} values; "
            "supply one length"
        )
    flat = embeddings.explode().to_numpy().astype(np.float32)
    return flat.reshape(len(embeddings), -1)
