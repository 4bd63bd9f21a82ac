"""What a shadow would have shown instead of what was answered, over all its stored rows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sluice.serving.shadow_difference import TOP
from sluice.serving.shadow_files import MOVES, ShadowCounts, read_counts, read_rows

DIMENSIONS = ("provider", "category", "age")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Group:
    """How many items of one provider, category or age entered and left the top k."""

    dimension: str
    name: str
    k: int
    entered: int
    left: int
    entered_share: float
    """Of all that entered."""
    left_share: float
    """Of all that left."""


@dataclass(frozen=True)
class ShadowReport:
    """The rank-space difference of a release and whatever answered."""

    counts: ShadowCounts
    requests: int
    """Stored and still kept; fewer than were ever stored where the oldest had to go."""
    since: datetime | None
    until: datetime | None
    answered_by: tuple[str, ...]
    """Digests of the releases that answered, the most frequent first."""
    figures: dict[str, float]
    """Means of `overlap@k` and `rbo`, share of requests with an unchanged top k, median and 95th
    percentile of the largest shift; empty where there is no request."""
    groups: tuple[Group, ...]
    """Largest first, by dimension and k."""

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "counts": {**vars(self.counts), "waiting": self.counts.waiting},
            "requests": self.requests,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "answered_by": list(self.answered_by),
            "figures": self.figures,
            "groups": [vars(group) for group in self.groups],
        }


def report(folder: Path) -> ShadowReport:
    """Read all rows of a shadow's folder; a report of no request where there is none."""
    rows, counts = read_rows(folder), read_counts(folder)
    if rows.is_empty():
        return ShadowReport(counts, 0, None, None, (), {}, ())
    releases = rows["answered_by"].value_counts(sort=True)["answered_by"]
    return ShadowReport(
        counts=counts,
        requests=rows.height,
        since=_utc(rows["ts"][0]),
        until=_utc(rows["ts"][-1]),
        answered_by=tuple(releases),
        figures=_figures(rows),
        groups=_groups(rows),
    )


def _figures(rows: pl.DataFrame) -> dict[str, float]:
    figures = [pl.col("rbo").mean(), *(pl.col(f"overlap@{k}").mean() for k in TOP)]
    unchanged = [(pl.col(f"overlap@{k}") == 1).mean().alias(f"unchanged@{k}") for k in TOP]
    shifts = [
        pl.col("max_shift").quantile(share).alias(f"max_shift_p{100 * share:g}")
        for share in (0.5, 0.95)
    ]
    return rows.select(*figures, *unchanged, *shifts).row(0, named=True)


def _groups(rows: pl.DataFrame) -> tuple[Group, ...]:
    moves = rows.select(MOVES).explode(*MOVES).drop_nulls("item_id")
    groups = []
    for dimension in DIMENSIONS:
        counted = (
            moves.group_by("k", pl.col(dimension).fill_null(UNKNOWN).alias("name"))
            .agg(
                entered=pl.col("entered").sum().cast(pl.Int64),
                left=(~pl.col("entered")).sum().cast(pl.Int64),
            )
            .with_columns(
                entered_share=pl.col("entered") / pl.col("entered").sum().over("k"),
                left_share=pl.col("left") / pl.col("left").sum().over("k"),
            )
            .sort(
                "k",
                pl.col("entered") + pl.col("left"),
                "name",
                descending=[False, True, False],
            )
        )
        groups += [Group(dimension, **row) for row in counted.iter_rows(named=True)]
    return tuple(groups)


def _utc(ts: int) -> datetime:
    return datetime.fromtimestamp(ts / 1e6, tz=UTC)
