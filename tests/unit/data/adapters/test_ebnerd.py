from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sluice.data.adapters import read_source
from sluice.data.event_log import EventLog
from sluice.data.tables import Window
from sluice.errors import BadRows, DataError, SchemaError
from tests.lib.real_data import real_data
from tests.lib.sources import behaviors, ebnerd, history, zoneless

AT = datetime(2026, 1, 1, tzinfo=UTC)


def day(number, hour=0, minute=0, second=0):
    return datetime(2023, 5, number, hour, minute, second, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return ebnerd(tmp_path)


def test_every_article_in_view_is_an_exposure_without_a_position(folder):
    exposures = read_source("ebnerd", folder).exposures

    assert exposures["item_id"].to_list() == [
        "101",
        "102",
        "103",
        "102",
        "104",
        "101",
        "105",
    ]
    assert exposures["request_id"].to_list() == ["11"] * 3 + ["12"] * 2 + ["13"] * 2
    assert exposures["position"].null_count() == 7
    assert exposures["ts"][0] == day(18, 7, 0, 3)
    assert exposures["surface"].unique().to_list() == ["for_you"]


def test_context_is_of_the_page_before_and_never_an_outcome(folder):
    exposures = read_source("ebnerd", folder).exposures

    assert [name for name in exposures.columns if name.startswith("context_")] == [
        "context_device_type",
        "context_is_sso_user",
        "context_is_subscriber",
        "context_read_time",
        "context_scroll_percentage",
    ]
    assert exposures["context_scroll_percentage"].to_list()[2:4] == [None, 80.0]


def test_a_click_listed_twice_is_one(folder):
    clicks = read_source("ebnerd", folder).feedback.filter(kind="click", request_id="12")

    assert clicks["item_id"].to_list() == ["104"]


def test_the_time_spent_is_feedback_received_when_it_had_been_spent(folder):
    (dwell,) = (
        read_source("ebnerd", folder)
        .feedback.filter(kind="dwell", request_id="11")
        .to_dicts()
    )

    assert dwell["item_id"] == "102"
    assert dwell["value"] == 16.5
    assert dwell["received_ts"] - dwell["ts"] == timedelta(seconds=16.5)


def test_the_time_spent_is_left_out_where_two_articles_were_clicked(folder):
    assert (
        read_source("ebnerd", folder)
        .feedback.filter(kind="dwell", request_id="13")
        .is_empty()
    )


def test_history_clicks_carry_their_own_time_and_no_request(folder):
    feedback = read_source("ebnerd", folder).feedback
    earlier = feedback.filter(pl.col("request_id").is_null(), kind="click")

    assert earlier.select("user_id", "item_id", "ts").rows() == [
        ("7", "90", day(1, 10)),
        ("7", "102", day(2, 10)),
        ("8", "91", day(3, 10)),
    ]


def test_a_history_click_that_the_behaviors_record_counts_once(folder):
    history(
        impression_time_fixed=[[zoneless(2023, 5, 2, 10), zoneless(2023, 5, 18, 7, 1)], []],
        article_id_fixed=[[102, 102], []],
        read_time_fixed=[[1.0, 2.0], []],
        scroll_percentage_fixed=[[None, None], []],
    ).write_parquet(folder / "history.parquet")

    clicks = read_source("ebnerd", folder).feedback.filter(kind="click", item_id="102")

    # The click of May 2nd was another one; to drop it would tell of the click to come.
    assert clicks.select("request_id", "ts").rows() == [
        (None, day(2, 10)),
        ("11", day(18, 7, 0, 3)),
    ]


def test_the_history_of_a_later_period_changes_nothing_that_was_known_before(
    tmp_path, folder
):
    """The history a week later holds this week's outcomes; none is known before its own time."""
    later = tmp_path / "later"
    later.mkdir()
    ebnerd(later)
    history(
        impression_time_fixed=[
            [zoneless(2023, 5, 1, 10), zoneless(2023, 5, 2, 10), zoneless(2023, 5, 18, 8)],
            [zoneless(2023, 5, 3, 10), zoneless(2023, 5, 24, 10)],
        ],
        article_id_fixed=[[90, 102, 103], [91, 105]],
        read_time_fixed=[[20.0, 1.5, 9.0], [0.0, 3.0]],
        scroll_percentage_fixed=[[None] * 3, [None] * 2],
    ).write_parquet(later / "history.parquet")
    now, leaky = read_source("ebnerd", folder), read_source("ebnerd", later)

    assert leaky.feedback.height == now.feedback.height + 4
    for end in (day(18, 8), day(18, 7, 30), day(5)):
        window = Window(day(1), end)
        assert leaky.between(window).feedback.equals(now.between(window).feedback)


def test_articles_bring_category_and_publication(folder):
    pl.DataFrame(
        {
            "article_id": [101, 102],
            "published_time": [zoneless(2023, 5, 18, 6), zoneless(2010, 1, 1)],
            "category_str": ["nyheder", "sport"],
            "category": [118, 142],
        }
    ).write_parquet(folder / "articles.parquet")

    items = read_source("ebnerd", folder).items

    by_id = {row["item_id"]: row for row in items.to_dicts()}
    assert set(by_id) == {"90", "91", "101", "102", "103", "104", "105"}
    assert by_id["101"]["category"] == "nyheder"
    assert by_id["101"]["valid_from"] == by_id["101"]["published_at"] == day(18, 6)
    assert by_id["102"]["published_at"] == datetime(2010, 1, 1, tzinfo=UTC)
    assert by_id["102"]["valid_from"] == day(1, 10)
    assert by_id["105"]["valid_from"] == day(19, 8)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Copenhagen"])
def test_times_of_any_unit_and_zone_become_utc(folder, unit, zone):
    moment = pl.col("impression_time").dt.cast_time_unit(unit)
    aware = (
        moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else moment
    )
    behaviors().with_columns(aware).write_parquet(folder / "behaviors.parquet")

    assert read_source("ebnerd", folder).exposures["ts"][0] == day(18, 7, 0, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("article_ids_clicked"), "missing column article_ids_clicked"),
        (lambda f: f.drop("user_id"), "missing column user_id"),
        (
            lambda f: f.with_columns(pl.col("user_id").cast(pl.Float64)),
            "column user_id is Float64",
        ),
        (
            lambda f: f.with_columns(pl.col("impression_time").cast(pl.String)),
            "column impression_time is String",
        ),
        (
            lambda f: f.with_columns(pl.col("article_ids_inview").list.first()),
            "column article_ids_inview is Int32",
        ),
    ],
)
def test_a_drifted_column_is_refused_by_file_and_name(folder, change, said):
    change(behaviors()).write_parquet(folder / "behaviors.parquet")

    with pytest.raises(SchemaError, match=rf"behaviors\.parquet: {said}"):
        read_source("ebnerd", folder)


def test_histories_of_uneven_lists_are_refused(folder):
    history(article_id_fixed=[[90], [91]]).write_parquet(folder / "history.parquet")

    with pytest.raises(DataError, match=r"history\.parquet: 1 users"):
        read_source("ebnerd", folder)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"article_ids_inview": [[], [102, 104], [101, 105]]}, "exposures.item_id.null"),
        (
            {"article_ids_inview": [[102, 102], [102, 104], [101, 105]]},
            "exposures.duplicate_candidate",
        ),
        ({"article_ids_clicked": [[999], [104], [101]]}, "feedback.item.not_shown"),
        ({"impression_id": [11, 11, 13]}, "exposures.request.several_ts"),
        ({"next_read_time": [float("nan"), None, 1.0]}, "feedback.value.not_finite"),
        ({"next_read_time": [-1.0, None, 1.0]}, "feedback.received_ts.before_ts"),
    ],
    ids=[
        "empty view",
        "doubled article",
        "click not shown",
        "doubled id",
        "NaN",
        "negative",
    ],
)
def test_what_the_week_gets_wrong_is_refused_by_the_log(tmp_path, folder, changed, rule):
    behaviors(**changed).write_parquet(folder / "behaviors.parquet")

    with pytest.raises(BadRows) as caught:
        EventLog(tmp_path / "log").append(read_source("ebnerd", folder), at=AT)

    assert rule in caught.value.counts


def test_the_demo_week(tmp_path):
    tables = read_source("ebnerd", real_data("ebnerd_demo/train"))
    earlier = tables.feedback.filter(pl.col("request_id").is_null(), kind="click")
    log = EventLog(tmp_path / "log")
    done = log.append(tables, at=AT)

    assert tables.exposures["request_id"].n_unique() == 24_724
    assert done.exposures == 278_139
    assert (
        tables.feedback.filter(pl.col("request_id").is_not_null(), kind="click").height
        == 24_829
    )
    # 258,318 in the file, 49 of them the same click at the same second twice.
    assert earlier.height == 258_269
    assert log.window() == Window(day(18, 7), day(25, 7))
    assert log.read(log.window()).feedback.height == done.feedback
