"""EB-NeRD: a week of a Danish news feed (recsys.eb.dk), as Parquet.

What the log does not say: positions (the shown list is shuffled: null), a zone (times are UTC),
and the click's own time (the impression's stands for it). `next_read_time` and
`next_scroll_percentage` describe what followed the click: outcomes, never context. `read_time`
and `scroll_percentage` belong to the page before and are context. Gender, age and postcode are
left out: mostly null, and personal.
"""

from pathlib import Path

import polars as pl
from polars.datatypes import FloatType, IntegerType

from sluice.data.adapters.files import (
    expect_file,
    first_seen,
    require_columns,
    require_types,
)
from sluice.data.frames import log_tables
from sluice.data.parquet import read_foreign
from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError

_ID = (IntegerType, pl.String)
_NUMBER = (IntegerType, FloatType)
_CONTEXT = {
    "read_time": _NUMBER,
    "scroll_percentage": _NUMBER,
    "device_type": _NUMBER,
    "is_subscriber": (pl.Boolean,),
    "is_sso_user": (pl.Boolean,),
}
_REQUIRED = {
    "impression_id": _ID,
    "impression_time": (pl.Datetime,),
    "user_id": _ID,
    "article_ids_inview": (pl.List, *_ID),
    "article_ids_clicked": (pl.List, *_ID),
}
_BEHAVIORS = {**_REQUIRED, **_CONTEXT, "next_read_time": _NUMBER}
_HISTORY = {
    "user_id": _ID,
    "impression_time_fixed": (pl.List, pl.Datetime),
    "article_id_fixed": (pl.List, *_ID),
    "read_time_fixed": (pl.List, *_NUMBER),
}
_ARTICLES = {
    "article_id": _ID,
    "published_time": (pl.Datetime,),
    "category_str": (pl.String,),
    "category": _ID,
}
_UTC = pl.Datetime("us", "UTC")


def read(folder: Path, surface: str) -> LogTables:
    """Read `behaviors.parquet`, `history.parquet` and, where there is one, `articles.parquet`."""
    behaviors = _read(expect_file(folder, "behaviors.parquet"), _BEHAVIORS, list(_REQUIRED))
    history = _read_history(expect_file(folder, "history.parquet"))
    requests = behaviors.with_columns(
        pl.col("impression_id").cast(pl.String).alias("request_id"),
        pl.col("user_id").cast(pl.String),
        _utc("impression_time").alias("ts"),
    )
    exposures = _exposures(requests, surface)
    clicks = _clicks(requests)
    earlier = _history_clicks(history, clicks)
    feedback = pl.concat([_feedback(clicks), _feedback(earlier)])
    seen = first_seen(
        pl.concat([frame.select("item_id", "ts") for frame in (exposures, feedback)])
    )
    return log_tables(exposures, feedback, _items(folder / "articles.parquet", seen))


def _read(
    path: Path, types: dict[str, tuple[type[pl.DataType], ...]], required: list[str]
) -> pl.DataFrame:
    frame = read_foreign(path, list(types))
    require_columns(path, frame, required)
    require_types(path, frame, types)
    return frame


def _read_history(path: Path) -> pl.DataFrame:
    history = _read(path, _HISTORY, list(_HISTORY))
    lengths = [pl.col(name).list.len() for name in _HISTORY if name != "user_id"]
    uneven = history.filter(
        pl.any_horizontal(size != lengths[0] for size in lengths)
    ).height
    if uneven:
        raise DataError(
            f"{path}: {uneven:,} users whose lists of clicks and times differ in length"
        )
    return history


def _exposures(requests: pl.DataFrame, surface: str) -> pl.DataFrame:
    """One row a shown article; an empty list stays as one null article, for the row rules."""
    context = [
        pl.col(name).cast(pl.Float32).alias(CONTEXT_PREFIX + name)
        for name in _CONTEXT
        if name in requests.columns
    ]
    return (
        requests.select(
            "request_id",
            "user_id",
            pl.lit(surface).alias("surface"),
            "ts",
            pl.col("article_ids_inview").alias("item_id"),
            *context,
        )
        .explode("item_id", empty_as_null=True)
        .with_columns(pl.col("item_id").cast(pl.String))
    )


def _clicks(requests: pl.DataFrame) -> pl.DataFrame:
    """One row a clicked article; an article listed as clicked twice was one click.

    The time spent is known for the impression, so it is kept only where one article was clicked.
    """
    clicked = pl.col("article_ids_clicked").list.unique(maintain_order=True)
    dwell = (
        pl.col("next_read_time") if "next_read_time" in requests.columns else pl.lit(None)
    )
    return (
        requests.select(
            "request_id",
            "user_id",
            "ts",
            clicked.alias("item_id"),
            pl.when(clicked.list.len() == 1).then(dwell.cast(pl.Float64)).alias("dwell"),
        )
        .explode("item_id")
        .with_columns(pl.col("item_id").cast(pl.String))
    )


def _history_clicks(history: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """Clicks outside any logged request, each at its own time.

    The history of a later period repeats clicks that the behaviors record. One that lies at or
    after that user's logged click on the same article is that click again and is dropped; an
    earlier one stays, because to drop it would tell at its time what was clicked later.
    """
    logged = clicks.group_by("user_id", "item_id").agg(
        pl.col("ts").min().alias("logged_ts")
    )
    return (
        history.explode("impression_time_fixed", "article_id_fixed", "read_time_fixed")
        .select(
            pl.lit(None, dtype=pl.String).alias("request_id"),
            pl.col("user_id").cast(pl.String),
            _utc("impression_time_fixed").alias("ts"),
            pl.col("article_id_fixed").cast(pl.String).alias("item_id"),
            pl.col("read_time_fixed").cast(pl.Float64).alias("dwell"),
        )
        .unique(["user_id", "item_id", "ts"], keep="first", maintain_order=True)
        .join(logged, on=["user_id", "item_id"], how="left", maintain_order="left")
        .filter(pl.col("logged_ts").is_null() | (pl.col("ts") < pl.col("logged_ts")))
        .drop("logged_ts")
    )


def _feedback(clicks: pl.DataFrame) -> pl.DataFrame:
    """Clicks, received at once, and the time spent, received when it had been spent."""
    common = ["request_id", "user_id", "item_id"]
    spent = clicks.filter(pl.col("dwell").is_not_null())
    # NaN and infinity cannot become a duration; they keep their value and meet the row rules.
    sane = pl.when(pl.col("dwell").is_finite()).then(pl.col("dwell")).otherwise(0)
    return pl.concat(
        [
            clicks.select(
                *common,
                _kind(FeedbackKind.CLICK),
                pl.lit(1.0).alias("value"),
                "ts",
                pl.col("ts").alias("received_ts"),
            ),
            spent.select(
                *common,
                _kind(FeedbackKind.DWELL),
                pl.col("dwell").alias("value"),
                "ts",
                (
                    pl.col("ts")
                    + pl.duration(milliseconds=(sane * 1e3).round().cast(pl.Int64))
                ).alias("received_ts"),
            ),
        ]
    )


def _items(path: Path, seen: pl.DataFrame) -> pl.DataFrame:
    """Every article seen, with its facts where there is an articles file.

    Facts hold from publication, but not from before the log begins, where nobody asks for them.
    """
    if not path.exists():
        return seen
    facts = _read(path, _ARTICLES, ["article_id", "published_time"])
    category = [name for name in ("category_str", "category") if name in facts.columns]
    articles = facts.select(
        pl.col("article_id").cast(pl.String).alias("item_id"),
        pl.coalesce(pl.col(category).cast(pl.String), pl.lit(None, dtype=pl.String)).alias(
            "category"
        ),
        _utc("published_time").alias("published_at"),
    )
    rows = articles.with_columns(
        pl.max_horizontal("published_at", pl.lit(seen["valid_from"].min())).alias(
            "valid_from"
        )
    )
    others = seen.join(articles, on="item_id", how="anti")
    return pl.concat([rows, others], how="diagonal")


def _kind(kind: FeedbackKind) -> pl.Expr:
    return pl.lit(str(kind)).alias("kind")


def _utc(name: str) -> pl.Expr:
    """A time as UTC; one without a zone is UTC already, by this set's convention."""
    return pl.col(name).cast(_UTC)
