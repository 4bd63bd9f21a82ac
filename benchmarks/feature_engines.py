"""The features of `benchmarks.features` as a user would write them in Polars and in DuckDB."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.spec import FeatureSpec

FOREVER = "all"
_DAYS = 3650

KEYS = {
    "user_item": ("user_id", "item_id"),
    "user_provider": ("user_id", "provider_id"),
    "user_category": ("user_id", "category"),
    "user": ("user_id",),
}
"""Counters over all of time besides the item's own, by what they are kept for."""

Counter = tuple[tuple[str, ...], str, str]
"""Key columns, which event (shown or clicked), span."""


def counters(spec: FeatureSpec) -> Mapping[str, Counter]:
    """Every counter by the column it becomes."""
    item = ("item_id",)
    spans = (*spec.windows, FOREVER)
    tallies: dict[str, Counter] = {
        f"item.{name}.{span}": (item, event, span)
        for name, event in (("exposure", "shown"), ("click", "clicked"))
        for span in spans
    }
    tallies |= {
        "user_item.exposure": (KEYS["user_item"], "shown", FOREVER),
        "user_item.click": (KEYS["user_item"], "clicked", FOREVER),
    }
    tallies |= {
        f"user_{key}.click": (KEYS[f"user_{key}"], "clicked", FOREVER)
        for key in spec.affinity
    }
    return tallies | {"user.click": (KEYS["user"], "clicked", FOREVER)}


def _events(folder: Path) -> pl.LazyFrame:
    """Exposures and clicks as one stream of zeros and ones; a click counts when it is received."""
    facts = pl.scan_parquet(folder / "items.parquet").select(
        "item_id", "provider_id", "category", "published_at"
    )
    keys = ("request_id", "user_id", "item_id")
    shown = pl.scan_parquet(folder / "exposures.parquet").select(
        "ts", *keys, shown=1, clicked=0
    )
    clicked = pl.scan_parquet(folder / "clicks.parquet").select(
        "received_ts", *keys, shown=0, clicked=1
    )
    stream = pl.concat(
        [shown.with_row_index(), clicked.rename({"received_ts": "ts"}).with_row_index()]
    )
    return stream.join(facts, on="item_id", how="left", maintain_order="left").sort("ts")


def by_polars_rolling(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """Trailing windows with `rolling_sum_by(closed="left")`, one for each counter."""
    rolled = [
        pl.col(event)
        .rolling_sum_by(
            "ts", window_size=f"{_DAYS}d" if span == FOREVER else span, closed="left"
        )
        .over(keys)
        .fill_null(0)
        .alias(name)
        for name, (keys, event, span) in counters(spec).items()
    ]
    totals = [
        pl.col(event)
        .rolling_sum_by("ts", window_size=f"{_DAYS}d", closed="left")
        .fill_null(0)
        .alias(f"total.{event}")
        for event in ("shown", "clicked")
    ]
    return _finished(_events(folder).with_columns(*rolled, *totals), spec)


def by_polars_asof(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """Running totals by key, looked up by as-of joins just before t and just before t - w."""
    events = _events(folder).collect().lazy()
    rows = events.filter(pl.col("shown") == 1)
    looked = {(keys, span) for keys, _, span in counters(spec).values()} | {((), FOREVER)}
    looked |= {(keys, FOREVER) for keys, span in looked if span != FOREVER}
    for keys, span in sorted(looked):
        rows = rows.join(_before(events, keys, span), on="index")
    names = {
        name: _difference(keys, event, span)
        for name, (keys, event, span) in counters(spec).items()
    }
    totals = {
        f"total.{event}": _difference((), event, FOREVER) for event in ("shown", "clicked")
    }
    return _finished(rows.with_columns(**names, **totals).sort("ts"), spec)


def _found(keys: tuple[str, ...], event: str, span: str) -> str:
    return f"{event} of {'+'.join(keys)} before {span}"


def _difference(keys: tuple[str, ...], event: str, span: str) -> pl.Expr:
    before = pl.col(_found(keys, event, FOREVER))
    return before if span == FOREVER else before - pl.col(_found(keys, event, span))


def _before(events: pl.LazyFrame, keys: tuple[str, ...], span: str) -> pl.LazyFrame:
    """Totals of a key strictly before each request, or before the start of its window."""
    sums = [pl.col(event).cum_sum() for event in ("shown", "clicked")]
    running = [total.over(keys) for total in sums] if keys else sums
    totals = events.select("ts", *keys, *running)
    rows = events.filter(pl.col("shown") == 1).select(
        "index",
        *keys,
        at=pl.col("ts") if span == FOREVER else pl.col("ts").dt.offset_by(f"-{span}"),
    )
    joined = rows.join_asof(
        totals, left_on="at", right_on="ts", by=keys or None,
        allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip
    return joined.select(
        "index",
        *(
            pl.col(event).fill_null(0).alias(_found(keys, event, span))
            for event in ("shown", "clicked")
        ),
    )


def _finished(counted: pl.LazyFrame, spec: FeatureSpec) -> NDArray[np.float32]:
    """Rates, age, shares and the forms within the request, as a matrix in the log's order."""
    spans, weight = (*spec.windows, FOREVER), spec.prior_weight
    prior = weight * pl.col("total.clicked") / pl.max_horizontal("total.shown", 1)
    age = (pl.col("ts") - pl.col("published_at")).dt.total_microseconds() / 1e6
    rows = counted.filter(pl.col("shown") == 1).with_columns(
        *(
            ((pl.col(f"item.click.{span}") + prior) / (pl.col(f"item.exposure.{span}") + weight))
            .alias(f"item.ctr.{span}")
            for span in spans
        ),
        *(
            pl.when(pl.col(f"user_{key}.click") > 0)
            .then(pl.col(f"user_{key}.click") / pl.col("user.click"))
            .otherwise(0.0)
            .alias(f"user_{key}.share")
            for key in spec.affinity
        ),
        pl.when(age >= 0).then(age).alias("item.age"),
        pl.len().over("request_id").alias("request.size"),
    )  # fmt: skip
    related = rows.with_columns(form for name in spec.relative_of for form in _forms(name))
    names = compile_plan(spec).names
    matrix = related.sort("index").select(pl.col(name).cast(pl.Float32) for name in names)
    return matrix.collect(engine="streaming").to_numpy()


def _forms(name: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    value = pl.col(name)
    total = value.sum().over("request_id")
    return (
        value.rank("min", descending=True).over("request_id").alias(f"{name}.rank"),
        pl.when(total != 0).then(value / total).otherwise(value).alias(f"{name}.share"),
        (value - value.mean().over("request_id")).alias(f"{name}.difference"),
    )


def by_duckdb(folder: Path, spec: FeatureSpec) -> NDArray[np.float32]:
    """RANGE windows that end one microsecond before the request."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        by_name = connection.execute(_query(folder, spec)).fetchnumpy()
    names = compile_plan(spec).names
    columns = [
        np.ma.filled(np.ma.asarray(by_name[name], np.float32), np.nan) for name in names
    ]
    return np.column_stack(columns)


def _query(folder: Path, spec: FeatureSpec) -> str:
    spans, weight = (*spec.windows, FOREVER), spec.prior_weight
    sums = [_sum(name, *counter) for name, counter in counters(spec).items()]
    sums += [_sum(f"total.{event}", (), event, FOREVER) for event in ("shown", "clicked")]
    rates = [
        f'("item.click.{span}" + {weight} * "total.clicked" / greatest("total.shown", 1)) '
        f'/ ("item.exposure.{span}" + {weight}) AS "item.ctr.{span}"'
        for span in spans
    ]
    shares = [
        f'CASE WHEN "user_{key}.click" > 0 THEN "user_{key}.click" / "user.click" ELSE 0 END '
        f'AS "user_{key}.share"'
        for key in spec.affinity
    ]
    forms = [form for name in spec.relative_of for form in _sql_forms(name)]
    wanted = ", ".join(f'"{name}"::FLOAT AS "{name}"' for name in compile_plan(spec).names)
    return f"""
        WITH stream AS (
            SELECT file_row_number AS row, ts, request_id, user_id, item_id, 1 AS shown, 0 AS clicked
            FROM read_parquet('{folder}/exposures.parquet', file_row_number = true)
            UNION ALL
            SELECT file_row_number, received_ts, request_id, user_id, item_id, 0, 1
            FROM read_parquet('{folder}/clicks.parquet', file_row_number = true)
        ), events AS (
            SELECT stream.*, provider_id, category, published_at
            FROM stream LEFT JOIN read_parquet('{folder}/items.parquet') USING (item_id)
        ), counted AS (SELECT *, {", ".join(sums)} FROM events
        ), asked AS (
            SELECT *, {", ".join(rates + shares)},
                CASE WHEN published_at <= ts
                    THEN epoch_us(ts) / 1e6 - epoch_us(published_at) / 1e6 END AS "item.age",
                count(*) OVER (PARTITION BY request_id) AS "request.size"
            FROM counted WHERE shown = 1
        ), related AS (SELECT *, {", ".join(forms)} FROM asked)
        SELECT {wanted} FROM related ORDER BY row
    """


def _sum(name: str, keys: tuple[str, ...], event: str, span: str) -> str:
    length = f"{_DAYS} DAYS" if span == FOREVER else f"{span.removesuffix('h')} HOURS"
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    return (
        f"coalesce(sum({event}) OVER ({partition}ORDER BY ts RANGE BETWEEN INTERVAL {length} "
        f'PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING), 0) AS "{name}"'
    )


def _sql_forms(name: str) -> tuple[str, str, str]:
    request = "(PARTITION BY request_id)"
    return (
        f'rank() OVER (PARTITION BY request_id ORDER BY "{name}" DESC NULLS LAST) AS "{name}.rank"',
        f'CASE WHEN sum("{name}") OVER {request} != 0 THEN "{name}" / sum("{name}") OVER {request} '
        f'ELSE "{name}" END AS "{name}.share"',
        f'"{name}" - avg("{name}") OVER {request} AS "{name}.difference"',
    )
