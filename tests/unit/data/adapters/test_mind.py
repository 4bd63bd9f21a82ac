from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from sluice.data.adapters import read_source
from sluice.data.event_log import EventLog
from sluice.errors import BadRows, DataError
from tests.lib.sources import mind

AT = datetime(2026, 1, 1, tzinfo=UTC)
MORNING = datetime(2019, 11, 11, 9, 5, 58, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return mind(tmp_path)


def test_the_clock_has_twelve_hours(folder):
    exposures = read_source("mind", folder).exposures

    assert exposures["ts"].unique().sort().to_list() == [
        MORNING,
        datetime(2019, 11, 11, 12, 15, tzinfo=UTC),
        datetime(2019, 11, 12, 0, 1, tzinfo=UTC),
    ]


def test_the_shown_list_keeps_its_order_and_has_no_positions(folder):
    exposures = read_source("mind", folder).exposures

    assert exposures["item_id"].to_list() == ["N5", "N6", "N7", "N6", "N5", "N8", "N6"]
    assert exposures["position"].null_count() == exposures.height


def test_labels_become_clicks_at_the_time_of_the_impression(folder):
    clicks = read_source("mind", folder).feedback.drop_nulls("request_id")

    assert clicks.select("request_id", "item_id").sort("request_id", "item_id").rows() == [
        ("20191111-1", "N5"),
        ("20191111-2", "N5"),
        ("20191112-3", "N6"),
        ("20191112-3", "N8"),
    ]


def test_history_lies_a_day_before_and_is_known_to_nobody_before_its_owner(folder):
    earlier = read_source("mind", folder).feedback.filter(pl.col("request_id").is_null())

    yesterday = MORNING - timedelta(days=1)
    assert earlier.select("item_id", "ts").rows() == [
        ("N1", yesterday - timedelta(seconds=3)),
        ("N2", yesterday - timedelta(seconds=2)),
        ("N3", yesterday - timedelta(seconds=1)),
    ]
    assert earlier["received_ts"].unique().to_list() == [MORNING - timedelta(seconds=1)]


def test_quotes_are_part_of_the_text(folder):
    items = read_source("mind", folder).items

    assert items["item_id"].to_list() == [f"N{n}" for n in range(1, 9)]
    assert items["category"].unique().to_list() == ["sports"]


def test_the_log_accepts_it(tmp_path, folder):
    assert (
        EventLog(tmp_path / "log").append(read_source("mind", folder), at=AT).exposures == 7
    )


def test_the_unlabelled_test_split_is_refused(folder):
    (folder / "behaviors.tsv").write_text("1\tU1\t11/11/2019 9:05:58 AM\tN1\tN5 N6 N7\n")

    with pytest.raises(
        DataError, match=r"3 of 3 shown articles have no label.*use train or dev"
    ):
        read_source("mind", folder)


def test_another_clock_is_refused_with_its_row(folder):
    (folder / "behaviors.tsv").write_text(
        "1\tU1\t11/11/2019 9:05:58 AM\tN1\tN5-1 N6-0\n2\tU1\t2019-11-11 09:05:58\tN1\tN5-1\n"
    )

    with pytest.raises(BadRows, match="time: first in data row 2") as caught:
        read_source("mind", folder)
    assert caught.value.counts == {"time.unreadable": 1}


def test_a_table_of_another_width_is_refused(folder):
    (folder / "news.tsv").write_text("N1\tsports\n")

    with pytest.raises(DataError, match=r"news\.tsv: 2 columns, expected 8"):
        read_source("mind", folder)
