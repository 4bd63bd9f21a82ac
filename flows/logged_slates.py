"""Requests as they were logged, as the mechanisms read them: with what was known at each.

Columns are read from a feature state that is brought to every request in turn, by the very function
that a service reads them with: what is judged here is what would have been shown.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.frame import RankingFrame
from sluice.features.state.readings import ALWAYS, FEEDERS, telling
from sluice.mechanisms.live import live_columns
from sluice.mechanisms.slates import Slates

TOLD = ALWAYS | FEEDERS.keys()
"""All that a log tells; which candidates were ads, none does."""
_SECOND = 1e6
"""µs."""


def logged_slates(
    frame: RankingFrame,
    tables: LogTables,
    scores: NDArray[np.float64],
    features: FeatureSpec,
    wanted: Collection[str],
) -> Slates:
    """The frame's requests with the wanted columns as a service has them: ads are there none.

    Args:
        frame: the requests.
        tables: the log they come from.
        scores: of the frame's rows, [rows].
        features: whose embargo and horizon say what was known.
        wanted: names of columns of a `Slate`.
    """
    slates = Slates(frame.offsets, frame.item_ids.astype(np.str_), scores)
    if not wanted:
        return slates
    state = FeatureState.empty(telling(wanted, features))
    state.push(tables)
    logged_slates_values = []
    for request in _requests(frame, slates, tables):
        state.advance(request.ts)
        logged_slates_values.append(live_columns(state, request, wanted))
    return (
        replace(slates, **_joined(logged_slates_values)) if logged_slates_values else slates
    )


def without_the_unknown(slates: Slates) -> Slates:
    """Columns of which nothing is known are None, so that nothing is said of them."""
    columns: dict[str, Any] = {}
    for name in ("providers", "categories"):
        column = getattr(slates, name)
        columns[name] = column if any(value is not None for value in column or ()) else None
    vectors = slates.embeddings
    columns["embeddings"] = vectors if vectors is not None and vectors.any() else None
    columns["interests"] = slates.interests if any(slates.interests or ()) else None
    return replace(slates, **columns)


def ages(frame: RankingFrame, items: pl.DataFrame) -> NDArray[np.float64] | None:
    """Seconds since publication as it was known at each request, [rows]; None where none is known."""
    shown = pl.DataFrame(
        {
            "item_id": frame.item_ids.astype(np.str_),
            "ts": np.repeat(frame.ts, np.diff(frame.offsets)),
            "row": np.arange(frame.rows),
        }
    ).with_columns(pl.col("ts").cast(items.schema["valid_from"]))
    facts = items.select("item_id", "valid_from", "published_at").sort("valid_from")
    latest = shown.sort("ts", "item_id").join_asof(
        facts, left_on="ts", right_on="valid_from", by="item_id",
        allow_exact_matches=False, check_sortedness=False,
    ).sort("row")  # fmt: skip
    if latest["published_at"].is_null().all():
        return None
    since = (latest["ts"] - latest["published_at"]).dt.total_microseconds()
    return since.to_numpy().astype(np.float64) / _SECOND


def _requests(frame: RankingFrame, slates: Slates, tables: LogTables) -> Iterator[Request]:
    people = tables.exposures.unique("request_id").select("request_id", "user_id")
    text = pl.DataFrame({"request_id": frame.request_ids.astype(np.str_)}).join(
        people, on="request_id", how="left", maintain_order="left"
    )
    bounds = zip(frame.offsets[:-1].tolist(), frame.offsets[1:].tolist(), strict=True)
    items = slates.item_ids.tolist()
    for user, ts, (low, high) in zip(
        text["user_id"], frame.ts.tolist(), bounds, strict=True
    ):
        yield Request(user, tuple(items[low:high]), ts)


def _joined(text: list[dict[str, Any]]) -> dict[str, Any]:
    """Columns of the requests, end to end."""
    joined: dict[str, Any] = {}
    for name, first in text[0].items():
        parts = [columns[name] for columns in text]
        if name == "interest":
            joined["interests"] = parts
        elif isinstance(first, np.ndarray):
            joined[name] = np.concatenate(parts)
        else:
            joined[name] = [*chain.from_iterable(parts)]
    return joined
