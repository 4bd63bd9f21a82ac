"""MIND: Microsoft News, as tab-separated text without a header; quotes are part of the text.

What the log does not say: positions (the shown list is shuffled: null), a zone (times are UTC),
the click's own time (the impression's stands for it), and any time of the clicks in `history`.
Those happened before the user's first impression and nothing more is known. They are placed a
day and a growing second per click before it, so that no window of up to a day counts them as
recent, and count as received only one second before it, so that nobody's ranking knows them
earlier. A later impression's longer history adds nothing that the log does not hold.
"""

from pathlib import Path

import polars as pl

from sluice.data.adapters.files import expect_file, parsed, read_text_table
from sluice.data.frames import log_tables
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError

_BEHAVIORS = ("impression_id", "user_id", "time", "history", "impressions")
_NEWS = (
    "item_id", "category", "subcategory", "title", "abstract", "url",
    "title_entities", "abstract_entities",
)  # fmt: skip
_TIME = pl.col("time").str.to_datetime(
    "%m/%d/%Y %I:%M:%S %p", time_unit="us", time_zone="UTC", strict=False
)
_LABELLED = r"^(.+)-([01])$"


def read(folder: Path, surface: str) -> LogTables:
    """Read `behaviors.tsv` and `news.tsv`."""
    path = expect_file(folder, "behaviors.tsv")
    news = read_text_table(expect_file(folder, "news.tsv"), "\t", _NEWS)
    behaviors = parsed(path, read_text_table(path, "\t", _BEHAVIORS), {"time": _TIME})
    # Impressions are numbered anew in every split; the day tells the splits apart.
    request_id = pl.format("{}-{}", pl.col("time").dt.strftime("%Y%m%d"), "impression_id")
    requests = behaviors.with_columns(
        request_id.alias("request_id"), pl.col("time").alias("ts")
    )
    shown = _shown(path, requests)
    clicks = _clicks(shown)
    feedback = pl.concat([clicks, _history_clicks(requests, clicks)])
    exposures = shown.select(
        "request_id", "user_id", pl.lit(surface).alias("surface"), "ts", "item_id"
    )
    items = news.select(
        "item_id",
        "category",
        pl.lit(feedback["ts"].min() or requests["ts"].min()).alias("valid_from"),
    )
    return log_tables(exposures, feedback, items.unique("item_id", maintain_order=True))


def _shown(path: Path, requests: pl.DataFrame) -> pl.DataFrame:
    """One row a shown article with `clicked`.

    Raises:
        DataError: entries without the `-0` or `-1` that says whether it was clicked.
    """
    entry = pl.col("impressions").str.split(" ")
    shown = requests.select("request_id", "user_id", "ts", entry).explode(
        "impressions", empty_as_null=True
    )
    unlabelled = shown.filter(~pl.col("impressions").str.contains(_LABELLED)).height
    if unlabelled:
        raise DataError(
            f"{path}: {unlabelled:,} of {shown.height:,} shown articles have no label (-0 or -1); "
            "the test split has none: use train or dev"
        )
    return shown.with_columns(
        pl.col("impressions").str.extract(_LABELLED, 1).alias("item_id"),
        (pl.col("impressions").str.extract(_LABELLED, 2) == "1").alias("clicked"),
    )


def _clicks(shown: pl.DataFrame) -> pl.DataFrame:
    return shown.filter("clicked").select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(FeedbackKind.CLICK)).alias("kind"),
        pl.lit(1.0).alias("value"),
        "ts",
        pl.col("ts").alias("received_ts"),
    )


def _history_clicks(requests: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """The history of each user's first impression, the last click nearest to it."""
    first = requests.sort("ts", maintain_order=True).unique(
        "user_id", keep="first", maintain_order=True
    )
    history = (
        first.select(
            "user_id",
            "ts",
            pl.col("history").str.split(" ").list.reverse().alias("item_id"),
        )
        .with_columns(pl.int_ranges(1, pl.col("item_id").list.len() + 1).alias("seconds"))
        .explode("item_id", "seconds")
        .filter(pl.col("item_id").str.len_chars() > 0)
    )
    return history.select(
        pl.lit(None, dtype=pl.String).alias("request_id"),
        "user_id",
        "item_id",
        pl.lit(str(FeedbackKind.CLICK)).alias("kind"),
        pl.lit(1.0).alias("value"),
        (pl.col("ts") - pl.duration(days=1, seconds="seconds")).alias("ts"),
        (pl.col("ts") - pl.duration(seconds=1)).alias("received_ts"),
    ).select(clicks.columns)
