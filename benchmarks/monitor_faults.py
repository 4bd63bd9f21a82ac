"""Faults that are put into days of the generated feed, each with where a monitor should look for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import polars as pl

from sluice.data.tables import LogTables
from sluice.monitors.usual.profile import EVERYWHERE

Damage = Callable[[LogTables, int, np.random.Generator], LogTables]
"""The day's tables, days since the fault began (0 the first), and chance, to the damaged ones."""

PRICE = "context_price"


@dataclass(frozen=True)
class Fault:
    """What goes wrong, in how many windows it must be seen, and which segments name it rightly."""

    damage: Damage
    within: int
    segments: tuple[str, ...] = (EVERYWHERE,)
    """Prefixes; a finding may sit in any of them."""


def _thinned(
    tables: LogTables, hit: pl.Expr, share: float, rng: np.random.Generator
) -> LogTables:
    """Lose a share of the feedback on exposures that the expression picks."""
    picked = tables.exposures.filter(hit).select("request_id", "item_id")
    marked = tables.feedback.join(
        picked.with_columns(hit=pl.lit(1)), on=["request_id", "item_id"], how="left",
        maintain_order="left",
    )  # fmt: skip
    lost = marked["hit"].is_not_null().to_numpy() & (rng.random(len(marked)) < share)
    return replace(tables, feedback=tables.feedback.filter(pl.Series(~lost)))


def _lost_clicks(tables: LogTables, _: int, rng: np.random.Generator) -> LogTables:
    return _thinned(tables, pl.col("context_device") == 2, 0.5, rng)


def _with_price(tables: LogTables, price: pl.Expr) -> LogTables:
    exposures = tables.exposures.with_columns(price.cast(pl.Float32).alias(PRICE))
    return replace(tables, exposures=exposures)


def _stuck(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    return _with_price(tables, pl.lit(tables.exposures[PRICE].median()))


def _units(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    return _with_price(tables, pl.col(PRICE) * 100)


def _provider_gone(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    gone = tables.items.filter(pl.col("provider_id") == "provider-000").select("item_id")
    exposures = _renumbered(tables.exposures.join(gone, on="item_id", how="anti"))
    feedback = tables.feedback.join(
        exposures.select("request_id", "item_id"), on=["request_id", "item_id"], how="semi"
    )
    return replace(tables, exposures=exposures, feedback=feedback)


def _renumbered(exposures: pl.DataFrame) -> pl.DataFrame:
    place = pl.col("position").rank("ordinal").over("request_id").cast(pl.Int32)
    return exposures.with_columns(place.alias("position"))


def _clock(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    """A server's clock is six hours behind in the second half of the day: hours come twice."""
    ts = pl.col("ts")
    noon = ts.dt.truncate("1d") + timedelta(hours=12)
    moved = pl.when(ts >= noon).then(ts - timedelta(hours=6)).otherwise(ts)
    exposures = tables.exposures.with_columns(moved.alias("ts")).sort(
        "ts", "request_id", "position"
    )
    return replace(tables, exposures=exposures)


def _duplicated(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    """Clients of one device send each event again a second later."""
    picked = tables.exposures.filter(pl.col("context_device") == 1)
    again = tables.feedback.join(
        picked.select("request_id", "item_id"), on=["request_id", "item_id"], how="semi"
    )
    later = [
        (pl.col(name) + timedelta(seconds=1)).alias(name) for name in ("ts", "received_ts")
    ]
    both = pl.concat([tables.feedback, again.with_columns(later)])
    return replace(tables, feedback=both.sort("received_ts", maintain_order=True))


def _bot(tables: LogTables, _: int, rng: np.random.Generator) -> LogTables:
    """One request in twelve comes from one account, which clicks whatever stands first."""
    ids = tables.exposures["request_id"].unique(maintain_order=True)
    taken = ids.filter(pl.Series(rng.random(len(ids)) < 1 / 12)).implode()
    own = pl.col("request_id").is_in(taken)
    user = (
        pl.when(own).then(pl.lit("user-bot")).otherwise(pl.col("user_id")).alias("user_id")
    )
    first = tables.exposures.filter(own & (pl.col("position") == 1))
    clicks = first.select(
        "request_id", pl.lit("user-bot").alias("user_id"), "item_id",
        pl.lit("click").alias("kind"), pl.lit(1.0).alias("value"),
        (pl.col("ts") + timedelta(seconds=1)).alias("ts"),
        (pl.col("ts") + timedelta(seconds=2)).alias("received_ts"),
    )  # fmt: skip
    others = tables.feedback.filter(~own)
    feedback = pl.concat([others, clicks]).sort("received_ts", maintain_order=True)
    return replace(tables, exposures=tables.exposures.with_columns(user), feedback=feedback)


def _cold_catalogue(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    """What was published today is not in the catalogue: nothing new is shown."""
    day = pl.lit(tables.exposures["ts"].min()).dt.truncate("1d")
    new = tables.items.filter(pl.col("published_at") >= day).select("item_id")
    exposures = _renumbered(tables.exposures.join(new, on="item_id", how="anti"))
    feedback = tables.feedback.join(new, on="item_id", how="anti")
    return replace(tables, exposures=exposures, feedback=feedback)


def _category_price(tables: LogTables, _: int, __: np.random.Generator) -> LogTables:
    hit = tables.items.filter(pl.col("category") == "category-001").select("item_id")
    own = pl.col("item_id").is_in(hit["item_id"].implode())
    return _with_price(
        tables, pl.when(own).then(pl.col(PRICE) * 1.5).otherwise(pl.col(PRICE))
    )


def _delayed(tables: LogTables, _: int, rng: np.random.Generator) -> LogTables:
    later = pl.Series(rng.exponential(3_600e6, tables.feedback.height).astype(np.int64))
    received = pl.col("received_ts") + later.cast(pl.Duration("us"))
    feedback = tables.feedback.with_columns(received.alias("received_ts"))
    return replace(tables, feedback=feedback.sort("received_ts", maintain_order=True))


def _new_locale(tables: LogTables, _: int, rng: np.random.Generator) -> LogTables:
    other = pl.Series(rng.random(tables.items.height) < 0.1)
    language = pl.when(other).then(pl.lit("pt")).otherwise(pl.col("language"))
    return replace(tables, items=tables.items.with_columns(language.alias("language")))


def _slow(tables: LogTables, day: int, _: np.random.Generator) -> LogTables:
    """Prices rise by half a percent a day."""
    return _with_price(tables, pl.col(PRICE) * 1.005 ** (day + 1))


FAULTS: Mapping[str, Fault] = {
    "lost clicks of a device": Fault(_lost_clicks, 1, ("context_device=2",)),
    "a feature stuck": Fault(_stuck, 1),
    "units changed": Fault(_units, 1),
    "a provider gone": Fault(_provider_gone, 1, ("provider=provider-000",)),
    "clock shift": Fault(_clock, 1, ("hour=", "newness=")),
    "duplicated events": Fault(_duplicated, 1, ("context_device=1",)),
    "bot user": Fault(_bot, 1, ("activity=",)),
    "cold catalogue": Fault(_cold_catalogue, 1, ("newness=",)),
    "price of a category": Fault(_category_price, 1, ("category=category-001",)),
    "delayed labels": Fault(_delayed, 1),
    "new locale": Fault(_new_locale, 2, ("language=",)),
    "slow drift": Fault(_slow, 14),
}
"""Segments that no finding may be outside of, and windows until it must be found."""
