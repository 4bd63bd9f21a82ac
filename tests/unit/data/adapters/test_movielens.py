from datetime import UTC, datetime

import polars as pl
import pytest

from sluice.data.adapters import read_source
from sluice.data.event_log import EventLog
from sluice.errors import BadRows, DataError
from tests.lib.real_data import real_data
from tests.lib.sources import movielens

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return movielens(tmp_path)


def test_what_a_user_rated_on_one_day_is_one_request(folder):
    exposures = read_source("movielens", folder).exposures

    assert exposures.select("request_id", "item_id").sort(
        "request_id", "item_id"
    ).rows() == [
        ("1-19971204", "10"),
        ("1-19971204", "11"),
        ("1-19971205", "12"),
        ("2-19971204", "10"),
    ]
    assert (
        exposures["request_id"].n_unique()
        == exposures.select("request_id", "ts").n_unique()
    )


def test_four_stars_and_more_are_a_click_beside_the_rating(folder):
    feedback = read_source("movielens", folder).feedback

    assert sorted(feedback.filter(kind="rating")["value"]) == [1.0, 3.0, 4.0, 5.0]
    assert sorted(feedback.filter(kind="click")["item_id"]) == ["10", "12"]


def test_films_have_their_first_genre_and_the_year_where_it_is_known(folder):
    items = read_source("movielens", folder).items

    assert items.select("item_id", "category", pl.col("published_at").dt.year()).rows() == [
        ("10", "Animation", 1995),
        ("11", "Horror", 1922),
        ("12", None, None),
    ]


def test_the_log_accepts_it(tmp_path, folder):
    done = EventLog(tmp_path / "log").append(read_source("movielens", folder), at=AT)

    assert done.exposures == 4


@pytest.mark.parametrize(
    ("written", "column"),
    [("881250949000", "timestamp"), ("soon", "timestamp"), ("nan", "timestamp")],
    ids=["milliseconds", "text", "NaN"],
)
def test_a_time_that_is_no_epoch_in_seconds_is_refused(folder, written, column):
    path = folder / "tiny.inter"
    path.write_text(path.read_text().replace("881250950", written))

    with pytest.raises(BadRows, match=f"{column}: first in data row 2"):
        read_source("movielens", folder)


@pytest.mark.parametrize("rating", ["6", "-1", "nan", "inf"])
def test_impossible_stars_are_refused_by_the_log(tmp_path, folder, rating):
    path = folder / "tiny.inter"
    path.write_text(path.read_text().replace("\t3\t", f"\t{rating}\t"))

    with pytest.raises(BadRows):
        EventLog(tmp_path / "log").append(read_source("movielens", folder), at=AT)


def test_two_rating_files_are_refused(folder):
    (folder / "other.inter").write_text((folder / "tiny.inter").read_text())

    with pytest.raises(DataError, match=r"expected one \*\.inter file"):
        read_source("movielens", folder)


def test_the_hundred_thousand(tmp_path):
    tables = read_source("movielens", real_data("ml100k"))

    assert tables.exposures.height == 100_000
    assert tables.items.height == 1_682
    assert tables.exposures["user_id"].n_unique() == 943
    assert EventLog(tmp_path / "log").append(tables, at=AT).quarantined == {}
