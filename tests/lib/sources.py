"""Hand-written miniatures of the public data sets, in their own formats."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl


def zoneless(*parts: int) -> datetime:
    """A time as EB-NeRD writes it."""
    return datetime(*parts)  # noqa: DTZ001 - the format has no zone


EBNERD_BEHAVIORS: dict[str, list[Any]] = {
    "impression_id": [11, 12, 13],
    "article_id": [None, 900, None],
    "impression_time": [
        zoneless(2023, 5, 18, 7, 0, 3),
        zoneless(2023, 5, 18, 9, 0, 0),
        zoneless(2023, 5, 19, 8, 0, 0),
    ],
    "read_time": [14.0, 30.0, 5.0],
    "scroll_percentage": [None, 80.0, 100.0],
    "device_type": [1, 2, 2],
    "article_ids_inview": [[101, 102, 103], [102, 104], [101, 105]],
    "article_ids_clicked": [[102], [104, 104], [101, 105]],
    "user_id": [7, 8, 7],
    "is_sso_user": [True, False, True],
    "gender": [None, None, 1],
    "postcode": [None, None, None],
    "age": [None, None, None],
    "is_subscriber": [True, False, True],
    "session_id": [1, 2, 3],
    "next_read_time": [16.5, None, 40.0],
    "next_scroll_percentage": [27.0, None, 50.0],
}
EBNERD_TYPES = {
    "impression_id": pl.UInt32,
    "article_id": pl.Int32,
    "impression_time": pl.Datetime("us"),
    "read_time": pl.Float32,
    "scroll_percentage": pl.Float32,
    "device_type": pl.Int8,
    "article_ids_inview": pl.List(pl.Int32),
    "article_ids_clicked": pl.List(pl.Int32),
    "user_id": pl.UInt32,
    "postcode": pl.Int8,
    "age": pl.Int8,
    "next_read_time": pl.Float32,
    "next_scroll_percentage": pl.Float32,
}
EBNERD_HISTORY: dict[str, list[Any]] = {
    "user_id": [7, 8],
    "impression_time_fixed": [
        [zoneless(2023, 5, 1, 10), zoneless(2023, 5, 2, 10)],
        [zoneless(2023, 5, 3, 10)],
    ],
    "scroll_percentage_fixed": [[100.0, None], [50.0]],
    "article_id_fixed": [[90, 102], [91]],
    "read_time_fixed": [[20.0, 1.5], [0.0]],
}
EBNERD_HISTORY_TYPES = {
    "user_id": pl.UInt32,
    "impression_time_fixed": pl.List(pl.Datetime("us")),
    "scroll_percentage_fixed": pl.List(pl.Float32),
    "article_id_fixed": pl.List(pl.Int32),
    "read_time_fixed": pl.List(pl.Float32),
}


def behaviors(**changed: Any) -> pl.DataFrame:
    return pl.DataFrame(
        EBNERD_BEHAVIORS | changed, schema_overrides=EBNERD_TYPES, strict=False
    )


def history(**changed: Any) -> pl.DataFrame:
    return pl.DataFrame(
        EBNERD_HISTORY | changed, schema_overrides=EBNERD_HISTORY_TYPES, strict=False
    )


def ebnerd(folder: Path) -> Path:
    behaviors().write_parquet(folder / "behaviors.parquet")
    history().write_parquet(folder / "history.parquet")
    return folder


def mind(folder: Path) -> Path:
    rows = [
        "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2 N3\tN5-1 N6-0 N7-0",
        "2\tU2\t11/11/2019 12:15:00 PM\t\tN6-0 N5-1",
        "3\tU1\t11/12/2019 12:01:00 AM\tN1 N2 N3 N5\tN8-1 N6-1",
    ]
    news = [
        f'N{n}\tsports\tfootball_nfl\tThe "best\' of {n}\tHe said "no\thttps://x\t[]\t[]'
        for n in range(1, 9)
    ]
    (folder / "behaviors.tsv").write_text("\n".join(rows) + "\n")
    (folder / "news.tsv").write_text("\n".join(news) + "\n")
    return folder


def open_bandit(folder: Path) -> Path:
    header = (
        ",timestamp,item_id,position,click,propensity_score,user_feature_0,"
        "user-item_affinity_0,user-item_affinity_1"
    )
    rows = [
        "0,2019-11-24 00:00:13.442536+00:00,1,3,0,0.5,00ffc0,0.0,0.25",
        "1,2019-11-24 00:00:36+00:00,0,1,1,0.25,cef339,2.0,0.0",
        "2,2019-11-24 09:00:36.5+09:00,1,2,0,0.5,cef339,0.0,0.0",
    ]
    (folder / "men.csv").write_text("\n".join([header, *rows]) + "\n")
    items = ",item_id,item_feature_0,item_feature_1\n0,0,-0.67,aa\n1,1,-0.72,bb\n"
    (folder / "item_context.csv").write_text(items)
    return folder


def movielens(folder: Path) -> Path:
    ratings = [
        "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        "1\t10\t5\t881250949",
        "1\t11\t3\t881250950",
        "1\t12\t4\t881350950",
        "2\t10\t1\t881250949",
    ]
    films = [
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
        '10\t"Toy Story\t1995\tAnimation Comedy',
        "11\tOld One\t1922\tHorror",
        "12\tunknown\t\t",
    ]
    (folder / "tiny.inter").write_text("\n".join(ratings) + "\n")
    (folder / "tiny.item").write_text("\n".join(films) + "\n")
    return folder


def letor(folder: Path) -> Path:
    lines = [
        "2 qid:7 1:0.5 3:-1.0 #docid = GX1 inc = 1 prob = 0.08",
        "0 qid:7 1:0.25 2:1.0 #docid = GX2",
        "1 qid:9 2:3.5",
    ]
    (folder / "S1.txt").write_text("\n".join(lines) + "\n")
    (folder / "readme.txt").write_text("Fold\tTraining.txt\n")
    return folder


def lightgbm(folder: Path) -> Path:
    (folder / "rank.train").write_text("2 1:0.5\n0 1:0.25\n1 2:3.5\n")
    (folder / "rank.train.query").write_text("2\n1\n")
    return folder


MINIATURES = {
    "ebnerd": ebnerd,
    "letor": letor,
    "mind": mind,
    "movielens": movielens,
    "open_bandit": open_bandit,
}
