"""The mutation audit: change everything from a moment on, and no feature up to it may move.

It proves on a run's own data what the fold promises by construction: no feature at t depends on
anything at or after t, nor on what had not been received by t. The builder is an argument, so a
feature computed elsewhere is held to the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import TooLittleData
from sluice.features.state.frame import RankingFrame

Builder = Callable[[LogTables], RankingFrame]


@dataclass(frozen=True)
class AuditResult:
    """What the audit saw."""

    probes: int
    """Moments from which the future was changed."""
    rows: int
    """Feature rows compared, over all probes."""
    moved: tuple[str, ...]
    """Features that changed although only the future did: each is a leak."""
    worst: float
    """Largest absolute change; infinite where a value came or went."""

    @property
    def clean(self) -> bool:
        return self.rows > 0 and not self.moved


def probe_times(frame: RankingFrame, probes: int) -> tuple[int, ...]:
    """Request times spread evenly over the frame's requests (µs)."""
    if frame.requests == 0:
        raise TooLittleData("no request to probe")
    picks = np.linspace(0, frame.requests - 1, probes + 1)[1:].astype(int)
    return tuple(sorted({int(frame.ts[pick]) for pick in picks}))


def mutation_audit(
    build: Builder, tables: LogTables, frame: RankingFrame, probes: tuple[int, ...]
) -> AuditResult:
    """Rebuild features on logs whose future was changed, and compare bit for bit.

    Args:
        build: computes features of all requests of a log.
        tables: the log as it is.
        frame: what `build` gives for it.
        probes: moments in µs; requests up to and including each are compared.
    """
    rows, worst = 0, 0.0
    moved: set[str] = set()
    for ts in probes:
        scored, _ = frame.split_at(ts + 1)
        again, _ = build(changed_from(tables, ts)).split_at(ts + 1)
        rows += scored.rows
        changes = _changes(scored.features, again.features)
        moved.update(
            name for name, change in zip(frame.names, changes, strict=True) if change > 0
        )
        worst = max(worst, float(changes.max(initial=0.0)))
    return AuditResult(len(probes), rows, tuple(sorted(moved)), worst)


def changed_from(tables: LogTables, ts: int) -> LogTables:
    """The log with everything at or after `ts` (µs) changed, but for who was shown what at `ts`.

    Every second later request is gone and the others show other items; feedback that was not known
    before `ts` is gone, and every exposure at or after it that had no click gets one; facts that
    begin to hold later are blanked.
    """
    at = pl.lit(ts).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    later = pl.col("ts") > at
    shifted = pl.col("item_id").shift(1).fill_null(pl.col("item_id").last())
    gone = later & (pl.col("request_id").rle_id() % 2 == 1)
    exposures = tables.exposures.filter(~gone).with_columns(
        item_id=pl.when(later).then(shifted).otherwise(pl.col("item_id"))
    )
    unknown = (pl.col("ts") >= at) | (pl.col("received_ts") >= at)
    feedback = pl.concat(
        [tables.feedback.filter(~unknown), _inverted_clicks(tables, at)], how="vertical"
    ).sort("received_ts", "ts", maintain_order=True)
    blank = [
        pl.when(pl.col("valid_from") >= at).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("provider_id", "category", "published_at")
    ]
    return LogTables(exposures, feedback, tables.items.with_columns(blank))


def _inverted_clicks(tables: LogTables, at: pl.Expr) -> pl.DataFrame:
    clicked = tables.feedback.filter(pl.col("kind") == FeedbackKind.CLICK.value)
    free = tables.exposures.filter(pl.col("ts") >= at).join(
        clicked, on=["request_id", "item_id"], how="anti"
    )
    planted = free.with_columns(
        kind=pl.lit(FeedbackKind.CLICK.value), value=pl.lit(1.0), received_ts=pl.col("ts")
    )
    return planted.select(tables.feedback.columns)


def _changes(
    before: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Largest absolute change of each column; infinite where NaN came or went, or rows differ."""
    if before.shape != after.shape:
        return np.full(before.shape[1], np.inf)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    gap = np.abs(before.astype(np.float64) - after)
    gap = np.where(np.isnan(gap), np.inf, gap)
    return np.where(same, 0.0, gap).max(axis=0, initial=0.0)
