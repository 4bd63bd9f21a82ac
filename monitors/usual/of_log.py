"""What a window of the log shows: features, scores, slots and answers, with the segments of each row."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables, Window
from sluice.errors import ConfigError
from sluice.features.state.frame import RankingFrame
from sluice.monitors.usual.columns import Watched

ITEM_DIMENSIONS = {
    "category": "category",
    "provider": "provider_id",
    "language": "language",
}
DIMENSIONS = (*ITEM_DIMENSIONS, "activity", "newness", "hour")
"""Beside any context column, by its name."""
_HOUR = 3_600_000_000
_HOURS = 4
"""Of a block of the day."""
_AGES = (6.0, 24.0, 72.0)
"""Hours since publication at which newness changes its level."""
_AGE_LABELS = ("under_6h", "under_24h", "under_72h", "older", None)


def watched_rows(
    frame: RankingFrame,
    scores: NDArray[np.float64],
    tables: LogTables,
    window: Window,
    label: FeedbackKind,
    dimensions: Sequence[str],
) -> Watched:
    """The frame's requests as columns and segments.

    Beside every feature: `score` by the release, `position` of the slot, `label` whether it was
    answered by the window's end, `label_events` how often, and `label_delay` the seconds from the
    event to its receipt.

    Args:
        frame: requests of the window only.
        scores: [rows].
        tables: the log of at least the window.
        window: what was received after its end is not looked at.
        label: the kind of feedback that counts as an answer.
        dimensions: of `DIMENSIONS`, or names of context columns; one that the log lacks is left out.
    """
    sizes = np.diff(frame.offsets)
    rows = pl.DataFrame({
        "request_id": np.repeat(frame.request_ids, sizes),
        "item_id": frame.item_ids,
    })  # fmt: skip
    answers = _answers(rows, tables.feedback, window, label)
    positions = np.where(frame.positions > 0, frame.positions, np.nan)
    own = np.column_stack([scores, positions, sizes.repeat(sizes), answers])
    names = (*frame.names, "score", "position", "candidates", *answers.columns)
    values = np.hstack([frame.features, own.astype(np.float32)])
    facts = _facts(rows, tables, window)
    segments = {
        name: _segment(name, frame, sizes, facts)
        for name in dimensions
        if not name.startswith(CONTEXT_PREFIX) or name in facts.columns
    }
    return Watched(names, np.ascontiguousarray(values), segments, frame.requests)


def _answers(
    rows: pl.DataFrame, feedback: pl.DataFrame, window: Window, label: FeedbackKind
) -> pl.DataFrame:
    received = feedback.filter(
        (pl.col("kind") == label.value)
        & (pl.col("value") > 0)
        & (pl.col("received_ts") < window.end)
    )
    delay = (pl.col("received_ts") - pl.col("ts")).dt.total_microseconds() / 1e6
    answers = received.group_by("request_id", "item_id").agg(
        pl.lit(1.0).alias("label"),
        pl.len().cast(pl.Float64).alias("label_events"),
        delay.min().alias("label_delay"),
    )
    joined = rows.join(
        answers, on=["request_id", "item_id"], how="left", maintain_order="left"
    )
    return joined.select(
        pl.col("label").fill_null(0.0),
        # Of answered rows only: how often an answer came is another thing than whether.
        pl.col("label_events").fill_null(float("nan")),
        pl.col("label_delay").fill_null(float("nan")),
    )


def _facts(rows: pl.DataFrame, tables: LogTables, window: Window) -> pl.DataFrame:
    valued = tables.items.filter(pl.col("valid_from") < window.end)
    newest = valued.sort("valid_from").unique("item_id", keep="last", maintain_order=True)
    wanted = ["item_id", "published_at", *ITEM_DIMENSIONS.values()]
    facts = rows.join(
        newest.select(wanted), on="item_id", how="left", maintain_order="left"
    )
    contexts = [
        name for name in tables.exposures.columns if name.startswith(CONTEXT_PREFIX)
    ]
    shown = tables.exposures.select("request_id", "item_id", *contexts)
    return facts.join(
        shown, on=["request_id", "item_id"], how="left", maintain_order="left"
    )


def _segment(
    name: str, frame: RankingFrame, sizes: NDArray[np.int64], facts: pl.DataFrame
) -> pl.Series:
    if name in ITEM_DIMENSIONS:
        return facts[ITEM_DIMENSIONS[name]]
    if name == "activity":
        return _activity(frame.users, sizes)
    if name == "hour":
        return _block(frame.ts, sizes)
    if name == "newness":
        return _newness(facts["published_at"], frame.ts.repeat(sizes))
    if not name.startswith(CONTEXT_PREFIX):
        raise ConfigError(
            f"Cannot watch by {name!r} because a row has no such side; name one of "
            f"{', '.join(DIMENSIONS)} or a context column in monitors.segments"
        )
    return facts[name].cast(pl.String)


def _activity(users: NDArray[np.int64], sizes: NDArray[np.int64]) -> pl.Series:
    """How many requests the row's person made within the window, in powers of two."""
    _, inverse, counts = np.unique(users, return_inverse=True, return_counts=True)
    power = np.log2(counts).astype(np.int64)
    labels = [f"{2**entry}-{2 ** (entry + 1) - 1}" for entry in range(int(power.max()) + 1)]
    return _labelled(power[inverse].repeat(sizes), labels)


def _block(ts: NDArray[np.int64], sizes: NDArray[np.int64]) -> pl.Series:
    labels = [f"{hour:02d}-{hour + _HOURS:02d}" for hour in range(0, 24, _HOURS)]
    return _labelled((ts // _HOUR % 24 // _HOURS).repeat(sizes), labels)


def _newness(published: pl.Series, ts: NDArray[np.int64]) -> pl.Series:
    at = published.dt.timestamp("us").fill_null(0).to_numpy()
    level = np.searchsorted(_AGES, (ts - at) / _HOUR, side="right")
    valued = published.is_not_null().to_numpy()
    return _labelled(np.where(valued, level, len(_AGES) + 1), _AGE_LABELS)


def _labelled(codes: NDArray[np.int64], labels: Sequence[str | None]) -> pl.Series:
    return pl.Series(labels, dtype=pl.String).gather(codes)
