"""MovieLens in RecBole's atomic files (`*.inter`, `*.item`), tab-separated, quotes part of the text.

A rating has no exposure: nobody knows what else was on the page. The films one user rated on one
calendar day (UTC) stand for one request at the time of the day's first rating; each is exposed
there, and gets feedback `rating` (stars) at its own time and `click` where the rating is 4 or 5.
Rankings of such requests tell liked from disliked films, not seen from unseen ones.
"""

from pathlib import Path

import polars as pl

from sluice.data.adapters.files import (
    from_seconds,
    listing,
    parsed,
    read_text_table,
    require_columns,
)
from sluice.data.frames import log_tables
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError

LIKED = 4
"""Stars from which a rating counts as a click."""


def read(folder: Path, surface: str) -> LogTables:
    """Read the one `*.inter` file of the folder and the `*.item` file beside it."""
    ratings = _ratings(_one_file(folder, "inter"))
    feedback = pl.concat(
        [
            _feedback(ratings, FeedbackKind.RATING, pl.col("rating")),
            _feedback(
                ratings.filter(pl.col("rating") >= LIKED), FeedbackKind.CLICK, pl.lit(1.0)
            ),
        ]
    )
    exposures = ratings.select(
        "request_id",
        "user_id",
        pl.lit(surface).alias("surface"),
        pl.col("request_ts").alias("ts"),
        "item_id",
    )
    items = _films(_one_file(folder, "item")).with_columns(
        pl.lit(ratings["ts"].min()).alias("valid_from")
    )
    return log_tables(exposures, feedback, items)


def _one_file(folder: Path, suffix: str) -> Path:
    paths = sorted(folder.glob(f"*.{suffix}"))
    if len(paths) != 1:
        raise DataError(f"{folder}: expected one *.{suffix} file; there {listing(folder)}")
    return paths[0]


def _read(path: Path, names: list[str]) -> pl.DataFrame:
    """A file's columns without the `:type` that RecBole adds to their names."""
    table = read_text_table(path, "\t").rename(lambda name: name.partition(":")[0])
    require_columns(path, table, names)
    return table


def _ratings(path: Path) -> pl.DataFrame:
    table = _read(path, ["user_id", "item_id", "rating", "timestamp"])
    ratings = parsed(
        path,
        table,
        {
            "rating": pl.col("rating").cast(pl.Float64, strict=False),
            "timestamp": from_seconds("timestamp"),
        },
    ).rename({"timestamp": "ts"})
    day = pl.col("ts").dt.strftime("%Y%m%d")
    return ratings.with_columns(
        pl.format("{}-{}", "user_id", day).alias("request_id")
    ).with_columns(pl.col("ts").min().over("request_id").alias("request_ts"))


def _feedback(ratings: pl.DataFrame, kind: FeedbackKind, value: pl.Expr) -> pl.DataFrame:
    return ratings.select(
        "request_id",
        "user_id",
        "item_id",
        pl.lit(str(kind)).alias("kind"),
        value.alias("value"),
        "ts",
        pl.col("ts").alias("received_ts"),
    )


def _films(path: Path) -> pl.DataFrame:
    """Films with their first genre and, as far as it is known, the first day of their year."""
    films = _read(path, ["item_id", "release_year", "class"])
    year = pl.col("release_year").str.extract(r"^(\d{4})$", 1)
    return films.select(
        "item_id",
        pl.col("class").str.split(" ").list.first().alias("category"),
        pl.format("{}-01-01", year)
        .str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC", strict=False)
        .alias("published_at"),
    )
