"""What a log now says of the past, held against what an earlier snapshot of it said.

A lifetime total that is filed under the item's first day, a vector that was learned anew, a context column
that is filled in later: each knows what came afterwards, and no look at one log shows it. Two snapshots do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

import polars as pl

from sluice.data.schema import CONTEXT_PREFIX
from sluice.data.tables import LogTables

FACTS = (
    "provider_id",
    "category",
    "published_at",
    "quality",
    "language",
    "embedding",
)
_REQUEST = ("request_id", "item_id")
_LEAST_PAIRED = 10
"""Changed numbers from which on it is worth saying what they go along with."""


@dataclass(frozen=True)
class Revision:
    """One column, among the rows that both snapshots hold."""

    rows: int
    changed: int
    """Rows whose value is another now, though both speak of the same time."""
    with_counts: float | None
    """Rank correlation of a number's change with how often the item was shown since; None where too few
    numbers changed."""

    @property
    def share(self) -> float:
        return self.changed / self.rows if self.rows else 0.0


def revisions(earlier: LogTables, now: LogTables, end: datetime) -> Mapping[str, Revision]:
    """By column of items (`item.` before its name) and of context, what changed of before `end`.

    Args:
        earlier: the old snapshot.
        now: the new one; items and requests that only one of them holds are no revision.
        end: of the old snapshot's window.
    """
    facts = _believed(earlier.items, end), _believed(now.items, end)
    shown = now.exposures.filter(pl.col("ts") >= end).group_by("item_id").len("_shown")
    context = [
        name for name in earlier.exposures.columns
        if name.startswith(CONTEXT_PREFIX) and name in now.exposures.columns
    ]  # fmt: skip
    items = _joined(*facts, ("item_id",), FACTS, shown)
    joined = _joined(earlier.exposures, now.exposures, _REQUEST, context, shown)
    return {
        **{f"item.{name}": _revision(items, name) for name in FACTS},
        **{name: _revision(joined, name) for name in context},
    }


def _believed(items: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """The facts of each item that hold at `end`, by the times that they themselves give."""
    return (
        items.filter(pl.col("valid_from") < end)
        .sort("valid_from", maintain_order=True)
        .unique("item_id", keep="last", maintain_order=True)
    )


def _joined(
    earlier: pl.DataFrame,
    now: pl.DataFrame,
    key: tuple[str, ...],
    columns: tuple[str, ...] | list[str],
    shown: pl.DataFrame,
) -> pl.DataFrame:
    kept = earlier.select(*key, *columns)
    both = kept.join(now.select(*key, *columns), on=key, suffix="_now")
    return both.join(shown, on="item_id", how="left").with_columns(
        pl.col("_shown").fill_null(0)
    )


def _revision(both: pl.DataFrame, name: str) -> Revision:
    before, after = pl.col(name), pl.col(f"{name}_now")
    changed = both.filter(before.ne_missing(after))
    correlation = None
    if changed.height >= _LEAST_PAIRED and changed[name].dtype.is_float():
        correlation = changed.select(
            pl.corr(after - before, "_shown", method="spearman")
        ).item()
    finite = correlation is not None and isfinite(correlation)
    return Revision(both.height, changed.height, correlation if finite else None)
