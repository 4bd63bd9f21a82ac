"""A generated feed: a log of any size whose true relevance is known, kept apart from the tables.

A request draws its candidates from what was published in the last two days; a logging policy
that knows quality and buzz, but no person, orders them by Plackett-Luce and logs its
propensities. A person examines slot k with probability 1 / k^η and clicks what is relevant.
Every day has its own seed, so that a longer feed begins with the shorter one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.frames import in_order, log_tables
from sluice.data.generated_policy import Requests, Slots, buzz, show
from sluice.data.generated_world import DAY, LIFE_DAYS, FeedConfig, People, Pool, day_times
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables

__all__ = ["FeedConfig", "GeneratedFeed", "generate", "generate_days"]

_CHUNK_CELLS = 1 << 20
"""Requests × pool drawn at once, so that memory does not depend on either."""
_BASE = -3.2
"""Logit of the relevance of an average, cold item."""
_US = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class GeneratedFeed:
    """The log as a platform would have written it, and what no platform knows."""

    tables: LogTables
    truth: pl.DataFrame
    """request_id, item_id, relevance: probability of a click if the slot is examined."""


def generate(config: FeedConfig) -> GeneratedFeed:
    """The whole feed at once; see `generate_days` where it does not fit into memory."""
    days = list(generate_days(config))
    return GeneratedFeed(
        LogTables(
            exposures=pl.concat([day.tables.exposures for day in days]),
            # The last clicks of a day happen after midnight.
            feedback=in_order("feedback", pl.concat([day.tables.feedback for day in days])),
            items=pl.concat([day.tables.items for day in days]),
        ),
        pl.concat([day.truth for day in days]),
    )


def generate_days(config: FeedConfig) -> Iterator[GeneratedFeed]:
    """The feed one day after the other; the first day also brings the items from before it."""
    people = People.draw(config)
    pools = [Pool.draw(config, day) for day in range(-LIFE_DAYS, 0)]
    items = pools
    for day in range(config.days):
        today = Pool.draw(config, day)
        pools = [*pools[-LIFE_DAYS:], today]
        yield _one_day(config, people, Pool.join(pools), Pool.join([*items, today]), day)
        items = []


def _one_day(
    config: FeedConfig, people: People, pool: Pool, published: Pool, day: int
) -> GeneratedFeed:
    rng = np.random.default_rng((config.seed, 2, day))
    requests = _draw_requests(rng, config, people, day)
    chunk = max(1, _CHUNK_CELLS // len(pool))
    parts = [
        show(rng, people, pool, requests.part(slice(first, first + chunk)), first)
        for first in range(0, len(requests.ts), chunk)
    ]
    slots = Slots(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Slots.__dataclass_fields__
        }
    )
    relevance = _relevance(people, pool, requests, slots)
    exposures = _exposures(config, pool, requests, slots, day)
    feedback = _feedback(rng, config, exposures, relevance)
    return GeneratedFeed(
        log_tables(exposures, feedback, _items(published)),
        exposures.select("request_id", "item_id", pl.Series("relevance", relevance)),
    )


def _draw_requests(
    rng: np.random.Generator, config: FeedConfig, people: People, day: int
) -> Requests:
    count = config.requests_per_day
    others = len(config.surfaces) - 1
    shares = [0.75, *[0.25 / others] * others] if others else [1.0]
    half = config.candidates // 2
    size = half + rng.poisson(config.candidates - half, count)
    return Requests(
        ts=day_times(rng, count, config.start_us + day * DAY),
        user=rng.choice(config.users, count, p=people.activity),
        surface=rng.choice(len(config.surfaces), count, p=shares),
        device=rng.integers(1, 4, count),
        size=np.clip(size, 1, 2 * config.candidates),
    )


def _relevance(
    people: People, pool: Pool, requests: Requests, slots: Slots
) -> NDArray[np.float64]:
    """P(click | examined): taste, quality, provider and what is left of the hotness."""
    user, ts = requests.user[slots.request], requests.ts[slots.request]
    provider = pool.provider[slots.item]
    logit = (
        _BASE
        + people.taste[user, pool.category[slots.item]]
        + pool.quality[slots.item]
        + people.provider_quality[provider]
        + 0.6 * people.follows[user, provider]
        + buzz(pool, ts, slots.item)
    )
    return 1 / (1 + np.exp(-logit.astype(np.float64)))


def _exposures(
    config: FeedConfig, pool: Pool, requests: Requests, slots: Slots, day: int
) -> pl.DataFrame:
    shown = slots.request
    date = np.datetime64(config.start_us + day * DAY, "us").astype("datetime64[D]")
    ts = pl.Series("ts", requests.ts[shown]).cast(_US)
    return pl.DataFrame(
        {
            "request_id": _ids(f"{date}-", shown, 7),
            "user_id": _ids("user-", requests.user[shown], 6),
            "surface": pl.Series(config.surfaces).gather(requests.surface[shown]),
            "ts": ts,
            "item_id": _ids("item-", pool.number[slots.item], 8),
            "position": pl.Series(slots.position, dtype=pl.Int32),
            "propensity": slots.propensity,
            "score": slots.score.astype(np.float64),
            "context_device": requests.device[shown].astype(np.float32),
            "context_hour": ts.dt.hour().cast(pl.Float32),
        }
    )


def _feedback(
    rng: np.random.Generator,
    config: FeedConfig,
    exposures: pl.DataFrame,
    relevance: NDArray[np.float64],
) -> pl.DataFrame:
    """Clicks, the time spent on them, a few shares, and hides of what was not relevant."""
    examined = (
        rng.random(len(relevance))
        < exposures["position"].to_numpy() ** -config.position_bias
    )
    clicked = examined & (rng.random(len(relevance)) < relevance)
    hidden = examined & ~clicked & (rng.random(len(relevance)) < 0.004 * (1 - relevance))
    seconds = np.round(rng.lognormal(2.5 + 1.5 * relevance, 0.9), 3)
    shared = clicked & (rng.random(len(relevance)) < 0.03)
    reached = np.round((1 + exposures["position"].to_numpy()) * 1e6).astype(np.int64)
    delay = rng.exponential(config.receipt_delay.total_seconds() * 1e6, len(relevance))
    delay = np.where(rng.random(len(relevance)) < 0.02, 100 * delay, delay).astype(np.int64)
    spent = (seconds * 1e6).astype(np.int64)
    certain = np.ones(len(relevance))
    return pl.concat(
        [
            _events(exposures, kind, mask, value, reached, reached + after)
            for kind, mask, value, after in (
                (FeedbackKind.CLICK, clicked, certain, delay),
                (FeedbackKind.DWELL, clicked, seconds, delay + spent),
                (FeedbackKind.SHARE, shared, certain, delay + spent),
                (FeedbackKind.HIDE, hidden, certain, delay),
            )
        ]
    )


def _events(
    exposures: pl.DataFrame,
    kind: FeedbackKind,
    mask: NDArray[np.bool_],
    value: NDArray[np.float64],
    happened: NDArray[np.int64],
    received: NDArray[np.int64],
) -> pl.DataFrame:
    rows = exposures.filter(pl.Series(mask))
    return rows.select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(kind)).alias("kind"),
        pl.Series("value", value[mask]),
        (pl.col("ts") + pl.Series(happened[mask]).cast(pl.Duration("us"))).alias("ts"),
        (pl.col("ts") + pl.Series(received[mask]).cast(pl.Duration("us"))).alias(
            "received_ts"
        ),
    )


def _items(pool: Pool) -> pl.DataFrame:
    published = pl.Series(pool.published).cast(_US)
    return pl.DataFrame(
        {
            "item_id": _ids("item-", pool.number, 8),
            "provider_id": _ids("provider-", pool.provider, 3),
            "category": _ids("category-", pool.category, 3),
            "published_at": published,
            "quality": 1 / (1 + np.exp(-pool.quality.astype(np.float64))),
            "language": pl.repeat("en", len(pool), eager=True),
            "valid_from": published,
        }
    )


def _ids(prefix: str, numbers: NDArray[np.int64], digits: int) -> pl.Series:
    return prefix + pl.Series(numbers).cast(pl.String).str.zfill(digits)
