"""Requests as they were logged, as the mechanisms read them: candidates with their items' facts."""

from collections import Counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.frame import RankingFrame
from sluice.mechanisms.slates import Slates

_SECOND = 1e6
"""µs."""


def logged_slates(
    frame: RankingFrame,
    tables: LogTables,
    scores: NDArray[np.float64],
    label: FeedbackKind,
) -> Slates:
    """The frame's requests with what was known of their items and people at the time of each.

    A column that the log knows of no item is None. No log says which candidates were ads.

    Args:
        frame: the requests.
        tables: the log they come from.
        scores: of the frame's rows, [rows].
        label: the feedback that shows an interest.
    """
    facts = _facts(frame, tables.items)
    published = facts["published_at"]
    ages = (facts["ts"] - published).dt.total_microseconds().to_numpy() / _SECOND
    return Slates(
        offsets=frame.offsets,
        item_ids=frame.item_ids.astype(np.str_),
        scores=scores,
        providers=_names(facts["provider_id"]),
        categories=_names(facts["category"]),
        embeddings=_vectors(facts["embedding"]),
        ages=None if published.is_null().all() else ages.astype(np.float64),
        interests=_interests(frame, tables, label),
    )


def _facts(frame: RankingFrame, items: pl.DataFrame) -> pl.DataFrame:
    """What was known of each row's item at the time of its request, in the frame's order."""
    asked = pl.DataFrame(
        {
            "item_id": frame.item_ids.astype(np.str_),
            "ts": np.repeat(frame.ts, np.diff(frame.offsets)),
            "row": np.arange(frame.rows),
        }
    ).with_columns(pl.col("ts").cast(items.schema["valid_from"]))
    known = asked.sort("ts", "item_id").join_asof(
        items.sort("valid_from"), left_on="ts", right_on="valid_from", by="item_id",
        check_sortedness=False,
    )  # fmt: skip
    return known.sort("row")


def _names(column: pl.Series) -> list[str | None] | None:
    return None if column.is_null().all() else column.to_list()


def _vectors(column: pl.Series) -> NDArray[np.float32] | None:
    """[rows, dimensions], zeros for none; of the commonest length, since only equals compare."""
    lengths = column.list.len().drop_nulls()
    lengths = lengths.filter(lengths > 0)
    if lengths.is_empty():
        return None
    width = int(lengths.mode().max())  # pyright: ignore[reportArgumentType] - lengths are integers
    fits = (column.list.len() == width).fill_null(value=False).to_numpy()
    vectors = np.zeros((len(column), width), np.float32)
    vectors[fits] = np.stack(column.filter(pl.Series(fits)).to_list())
    return vectors


def _interests(
    frame: RankingFrame, tables: LogTables, label: FeedbackKind
) -> list[dict[str, float] | None] | None:
    """How often each request's person had chosen each category before it, as far as was received."""
    chosen = _choices(tables, label)
    if chosen.is_empty():
        return None
    people = tables.exposures.unique("request_id").select("request_id", "user_id")
    asked = pl.DataFrame(
        {"request_id": frame.request_ids.astype(np.str_), "ts": frame.ts}
    ).join(people, on="request_id", how="left", maintain_order="left")
    histories: dict[str, Counter[str]] = {}
    events = iter(chosen.iter_rows())
    event = next(events, None)
    found: list[dict[str, float] | None] = []
    for _, ts, user in asked.iter_rows():
        # Requests and choices both come in the order of time.
        while event is not None and event[0] < ts:
            histories.setdefault(event[1], Counter())[event[2]] += 1
            event = next(events, None)
        history = histories.get(user)
        found.append(dict(history) if history else None)
    return found


def _choices(tables: LogTables, label: FeedbackKind) -> pl.DataFrame:
    """When (µs), who and of which category, in the order in which it became known."""
    newest = tables.items.sort("valid_from").unique("item_id", keep="last")
    return (
        tables.feedback.filter((pl.col("kind") == label.value) & (pl.col("value") > 0))
        .join(newest.select("item_id", "category"), on="item_id")
        .drop_nulls("category")
        .sort("received_ts")
        .select(pl.col("received_ts").dt.timestamp("us"), "user_id", "category")
    )
