"""A world's days as rows of the event log, and beside them what no log knows."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.frames import in_order, log_tables
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import TooLittleData
from sluice.world.ads import ADVERTISERS
from sluice.world.arrivals import SURFACES
from sluice.world.items import Items
from sluice.world.loop import World
from sluice.world.people import NONE
from sluice.world.wave import Wave, request_names

START = datetime(2026, 1, 5, tzinfo=UTC)
"""The first midnight of every world."""
_DAY_US = 86_400_000_000
_US = pl.Datetime("us", "UTC")
_RECEIPT_US = 20_000_000


@dataclass(frozen=True)
class Recorded:
    """Days of a world as a platform would have logged them, and the truth about each slot."""

    tables: LogTables
    truth: pl.DataFrame
    """request_id, item_id, slot_kind (organic, ad, explore), examined, chance (of a click if examined; null
    for an ad)."""


def record(world: World, days: int) -> Recorded:
    """Let some days pass and write them down.

    Raises:
        TooLittleData: nobody was shown anything.
    """
    slots = []
    # What could already be shown on the first day belongs to the log too.
    first = int(np.searchsorted(world.scene.items.born, world.day - world.spec.life))
    for _ in range(days):
        world.step()
        day = world.day - 1
        slots += [_slots(wave, world.scene.items, day) for wave in world.waves]
    if not slots or not sum(map(len, slots)):
        raise TooLittleData("nobody was shown anything; give the world days and people")
    shown = pl.concat(slots)
    tables = log_tables(
        _exposures(shown), in_order("feedback", _feedback(shown)), _items(world, first)
    )
    truth = shown.select("request_id", "item_id", "slot_kind", "examined", "chance")
    return Recorded(tables, truth)


def _slots(wave: Wave, items: Items, day: int) -> pl.DataFrame:
    """A row for every slot of a wave that was filled, ads among them, from the top down."""
    organic, ads = _organic(wave, items, day), _ads(wave, day)
    # An ad stands above the organic slot that it was put before.
    rows = pl.concat([organic, ads]).sort(
        "visit", "slot", "is_organic", maintain_order=True
    )
    position = pl.int_range(1, pl.len() + 1).over("visit").cast(pl.Int32)
    return rows.with_columns(position.alias("position"))


def _organic(wave: Wave, items: Items, day: int) -> pl.DataFrame:
    shown, outcome = wave.shown, wave.outcome
    kind = np.where(shown.order.explored.ravel(), "explore", "organic")
    return _rows(wave, day, np.ones(shown.items.shape, np.bool_)).with_columns(
        _ids("item-", items.key[shown.items.ravel()], 9).alias("item_id"),
        pl.lit(value=True).alias("is_organic"),
        pl.Series("slot_kind", kind.tolist()),
        pl.Series("score", shown.scores.ravel()),
        pl.Series("propensity", shown.order.propensity.ravel()),
        pl.Series("examined", outcome.examined.ravel()),
        pl.Series("clicked", outcome.clicked.ravel()),
        pl.Series("dwell", outcome.dwell.ravel()),
        pl.Series("chance", outcome.chance.ravel()),
    )


def _ads(wave: Wave, day: int) -> pl.DataFrame:
    outcome = wave.outcome
    filled = outcome.ad != NONE
    return _rows(wave, day, filled).with_columns(
        _ids("ad-", outcome.ad[filled], 3).alias("item_id"),
        pl.lit(value=False).alias("is_organic"),
        pl.lit("ad").alias("slot_kind"),
        pl.lit(None, pl.Float64).alias("score"),
        pl.lit(None, pl.Float64).alias("propensity"),
        pl.lit(value=True).alias("examined"),
        pl.Series("clicked", outcome.ad_clicked[filled]),
        pl.lit(0.0).alias("dwell"),
        pl.lit(None, pl.Float64).alias("chance"),
    )


def _rows(wave: Wave, day: int, kept: NDArray[np.bool_]) -> pl.DataFrame:
    """Who was asked about, and when, for the [visits, slots] that are kept."""
    visits = wave.shown.visits
    visit, slot = np.nonzero(kept)
    ts = _moments(visits.time)[visit]
    surface = np.array(SURFACES)[visits.surface[visit]]
    return pl.DataFrame(
        {
            "visit": visit,
            "slot": slot,
            "request_id": pl.Series(request_names(visits, day), dtype=pl.String).gather(
                visit
            ),
            "user_id": _ids("person-", visits.person[visit], 6),
            "surface": pl.Series(surface.tolist(), dtype=pl.String),
            "ts": pl.Series(ts).cast(_US),
        }
    )


def _exposures(shown: pl.DataFrame) -> pl.DataFrame:
    return shown.select(
        "request_id",
        "user_id",
        "surface",
        "ts",
        "item_id",
        "position",
        "propensity",
        "score",
    )


def _feedback(shown: pl.DataFrame) -> pl.DataFrame:
    """Clicks, the time spent on them, and clicks on ads; the log knows of them after a while."""
    clicked = shown.filter("clicked")
    organic, ads = clicked.filter("is_organic"), clicked.filter(~pl.col("is_organic"))
    certain = pl.lit(1.0)
    spent = (pl.col("dwell") * 1e6).cast(pl.Int64)
    return pl.concat(
        [
            _events(organic, FeedbackKind.CLICK, certain, pl.lit(0)),
            _events(organic, FeedbackKind.DWELL, pl.col("dwell"), spent),
            _events(ads, FeedbackKind.AD_CLICK, certain, pl.lit(0)),
        ]
    )


def _events(
    rows: pl.DataFrame, kind: FeedbackKind, value: pl.Expr, after: pl.Expr
) -> pl.DataFrame:
    reached = pl.col("ts") + (pl.col("position").cast(pl.Int64) * 1_000_000).cast(
        pl.Duration("us")
    )
    return rows.select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(kind)).alias("kind"),
        value.alias("value"),
        reached.alias("ts"),
        (reached + (after + _RECEIPT_US).cast(pl.Duration("us"))).alias("received_ts"),
    )


def _items(world: World, first: int) -> pl.DataFrame:
    """Facts of the items that could be shown, from row `first` on, and of all ads."""
    items = Items._make(column[first:] for column in world.scene.items)
    published = pl.Series(_moments(items.born)).cast(_US)
    quality = 1 / (1 + np.exp(-items.quality))
    organic = pl.DataFrame(
        {
            "item_id": _ids("item-", items.key, 9),
            "provider_id": _ids("provider-", items.provider, 4),
            "category": _ids("topic-", items.topic, 2),
            "published_at": published,
            "quality": quality,
            "valid_from": published,
        }
    )
    numbers = np.arange(ADVERTISERS)
    since = pl.Series([min(published.min(), START)] * ADVERTISERS, dtype=_US)  # pyright: ignore[reportArgumentType] - polars' wide return type
    ads = pl.DataFrame(
        {
            "item_id": _ids("ad-", numbers, 3),
            "provider_id": _ids("advertiser-", numbers, 3),
            "category": _ids("topic-", world.advertisers.topic, 2),
            "published_at": since,
            "quality": pl.Series([None] * ADVERTISERS, dtype=pl.Float64),
            "valid_from": since,
        }
    )
    return pl.concat([ads, organic])


def _moments(days: NDArray[np.float64]) -> NDArray[np.int64]:
    """µs since 1970."""
    return int(START.timestamp() * 1e6) + np.floor(days * _DAY_US).astype(np.int64)


def _ids(prefix: str, numbers: NDArray[np.int64], digits: int) -> pl.Series:
    return prefix + pl.Series(numbers, dtype=pl.Int64).cast(pl.String).str.zfill(digits)
