"""Each of the last days of a log against the days before it: volume, labels, segments, nulls.

A check over the whole window sees the mean, in which a ruined day is lost. A day is 24 hours back from
the newest exposure, so that none is half there. It counts as changed where it left what the days before
it, and the same day a week ago, let expect; how much they differ among themselves is allowed for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables

LAST = 7
"""Days that are looked at, the newest; what is older was looked at when it was new."""
BEFORE = 7
"""Days that each of them is held against, at most."""
LEAST_BEFORE = 3
LEAST_REQUESTS = 50
"""Of a day; with fewer nothing is said of it."""
_DEVIATIONS = 3.5
"""Robust standard deviations from the days before that are no change yet."""
_LEAST_SPREAD = 0.12
"""Of the logarithm: no log is steadier than that, however alike three days were."""
_DAY = 86_400_000_000
SEGMENTS = ("category", "provider_id")
EXPECTED_LABELS = 20
"""Before the silence at the end means anything."""


@dataclass(frozen=True)
class Days:
    """The log's rows by day, the oldest first."""

    exposures: pl.DataFrame
    """With `day`, `labelled`, and what the items table says of the item."""
    requests: NDArray[np.float64]
    """[days]."""

    @property
    def compared(self) -> Iterator[tuple[int, slice]]:
        """Each day that is looked at, and those it is held against."""
        for day in range(max(len(self.requests) - LAST, 0), len(self.requests)):
            before = slice(max(day - BEFORE, 0), day)
            enough = self.requests[day] >= LEAST_REQUESTS or day == len(self.requests) - 1
            if day >= LEAST_BEFORE and enough:
                yield day, before


def day_figures(tables: LogTables, label: FeedbackKind) -> dict[str, float]:
    """The figures of the day that changed most, by name; none where the days are too few.

    `days.volume` and `days.label_rate` are ratios to what was to be expected, 1 where nothing changed;
    `days.<segment>_shift` is the share of the shown items that changed sides, `days.null_shift` how much
    the share of nulls of a column rose; `days.silent_share` is the share of the last day's requests
    that came after the last label was received.
    """
    days = _by_day(tables, label)
    if days is None or not any(days.compared):
        return {}
    labelled = _by(days, pl.col("labelled").sum())
    rows = _by(days, pl.len())
    rates = np.divide(labelled, rows, out=np.zeros(len(rows)), where=rows > 0)
    figures = {
        "days.volume": _worst_ratio(days, days.requests, days.requests),
        "days.label_rate": _worst_ratio(days, rates, labelled),
        "days.null_shift": _worst_rise(days, _null_shares(days)),
        "days.silent_share": _silence(tables, days, label, labelled),
    }
    return figures | {
        f"days.{name}_shift": _worst_shift(days, name)
        for name in SEGMENTS
        if days.exposures[name].null_count() < days.exposures.height
    }


def _by_day(tables: LogTables, label: FeedbackKind) -> Days | None:
    exposures = tables.exposures
    at = exposures["ts"].dt.timestamp("us").to_numpy()
    age = (int(at.max()) - at) // _DAY
    # The oldest may have begun anywhere within its day.
    oldest = int(age.max())
    if oldest <= LEAST_BEFORE:
        return None
    labels = (
        tables.feedback.filter((pl.col("kind") == label.value) & (pl.col("value") > 0))
        .select("request_id", "item_id", pl.lit(1).alias("labelled"))
        .unique(["request_id", "item_id"])
    )
    facts = tables.items.sort("valid_from").unique("item_id", keep="last").select(
        "item_id", *SEGMENTS
    )  # fmt: skip
    rows = (
        exposures.with_columns(day=pl.Series(oldest - 1 - age))
        .filter(pl.col("day") >= 0)
        .join(labels, on=["request_id", "item_id"], how="left")
        .join(facts, on="item_id", how="left")
        .with_columns(pl.col("labelled").fill_null(0))
    )
    requests = _counted(rows, pl.col("request_id").n_unique(), oldest)
    return Days(rows, requests)


def _counted(rows: pl.DataFrame, what: pl.Expr, days: int) -> NDArray[np.float64]:
    counted = rows.group_by("day").agg(what.alias("value"))
    values = np.zeros(days)
    values[counted["day"].to_numpy()] = counted["value"].to_numpy()
    return values


def _by(days: Days, what: pl.Expr) -> NDArray[np.float64]:
    return _counted(days.exposures, what, len(days.requests))


def _worst_ratio(
    days: Days, values: NDArray[np.float64], counts: NDArray[np.float64]
) -> float:
    """Value of the day that left the days before it furthest, over theirs; 1 where none left them.

    `counts` are what each value rests on: few of them may differ by chance.
    """
    worst = 1.0
    for day, before in days.compared:
        earlier = values[before][values[before] > 0]
        if len(earlier) < LEAST_BEFORE:
            continue
        usual = float(np.median(earlier))
        references = [usual, *([values[day - 7]] if day >= 7 and values[day - 7] else [])]
        spread = 1.4826 * float(np.median(np.abs(np.log(earlier / usual))))
        chance = 1 / np.sqrt(max(float(np.median(counts[before])), 1.0))
        allowed = _DEVIATIONS * float(np.hypot(max(spread, _LEAST_SPREAD), chance))
        ratio = min(
            (max(values[day], 1e-9 * usual) / reference for reference in references),
            key=lambda ratio: abs(np.log(ratio)),
        )
        if abs(np.log(ratio)) > max(allowed, abs(np.log(worst))):
            worst = float(ratio)
    return worst


def _null_shares(days: Days) -> NDArray[np.float64]:
    """Share of nulls by day and column, [days, columns]."""
    rows = days.exposures
    names = [
        name
        for name in rows.columns
        if name.startswith(CONTEXT_PREFIX) or name in {"position", *SEGMENTS}
    ]
    unknown = [
        # NaN is not known either.
        (pl.col(name).fill_nan(None) if rows.schema[name].is_float() else pl.col(name))
        for name in names
    ]
    shares = [_by(days, column.is_null().mean()) for column in unknown]
    return np.stack(shares, axis=1)


def _worst_rise(days: Days, shares: NDArray[np.float64]) -> float:
    rises = [
        float((shares[day] - shares[before].max(axis=0)).max())
        for day, before in days.compared
    ]
    return max([0.0, *rises])


def _worst_shift(days: Days, name: str) -> float:
    """Total variation between a day's shown items and those of the days before, by segment."""
    shown = days.exposures.unique(["day", "item_id"]).group_by("day", name).len()
    segments = shown[name].unique(maintain_order=True).to_list()
    table = np.zeros((len(days.requests), len(segments)))
    places = {segment: at for at, segment in enumerate(segments)}
    for day, segment, many in shown.select("day", name, "len").iter_rows():
        table[day, places[segment]] = many
    return max([0.0, *(_shift(table[day], table[before]) for day, before in days.compared)])


def _shift(day: NDArray[np.float64], before: NDArray[np.float64]) -> float:
    """Beyond what so few items, and the days before among themselves, differ by."""
    if not day.sum() or not before.sum():
        return 0.0
    usual = before.sum(axis=0) / before.sum()
    apart = _apart(day, usual)
    others = [_apart(counts, usual) for counts in before if counts.sum()]
    kinds = int((usual > 0).sum())
    chance = 0.5 * np.sqrt(kinds / day.sum())
    return max(0.0, apart - max(float(np.median(others)), float(chance)))


def _apart(day: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    return float(np.abs(day / day.sum() - usual).sum() / 2)


def _silence(
    tables: LogTables, days: Days, label: FeedbackKind, labelled: NDArray[np.float64]
) -> float:
    """Share of the last day's requests after the last label was received; 0 where labels are rare."""
    if float(np.median(labelled[:-1])) < EXPECTED_LABELS:
        return 0.0
    received = tables.feedback.filter(pl.col("kind") == label.value)["received_ts"].max()
    last = days.exposures.filter(pl.col("day") == len(days.requests) - 1)
    times = last.unique("request_id")["ts"]
    return 1.0 if received is None else float((times > received).to_numpy().mean())
