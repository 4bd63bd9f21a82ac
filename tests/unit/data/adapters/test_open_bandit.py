from datetime import UTC, datetime

import pytest

from sluice.data.adapters import read_source
from sluice.data.event_log import EventLog
from sluice.errors import BadRows, DataError, SchemaError
from tests.lib.real_data import real_data
from tests.lib.sources import open_bandit

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return open_bandit(tmp_path)


def test_a_row_is_a_request_with_its_true_propensity(folder):
    exposures = read_source("open_bandit", folder).exposures

    # The third row's clock is nine hours ahead; in UTC it lies 23 s after the first.
    assert exposures.select("request_id", "item_id", "position", "propensity").rows() == [
        ("men-0", "1", 3, 0.5),
        ("men-1", "0", 1, 0.25),
        ("men-2", "1", 2, 0.5),
    ]
    assert exposures["ts"][2] == datetime(2019, 11, 24, 0, 0, 36, 500_000, tzinfo=UTC)


def test_context_is_the_affinity_to_the_shown_item_and_stable_codes(folder):
    exposures = read_source("open_bandit", folder).exposures

    assert exposures["context_affinity"].to_list() == [0.25, 2.0, 0.0]
    assert exposures["context_user_feature_0"].to_list() == [0x00FF, 0xCEF3, 0xCEF3]


def test_only_a_click_is_feedback(folder):
    feedback = read_source("open_bandit", folder).feedback

    assert feedback.select("request_id", "kind", "value").rows() == [
        ("men-1", "click", 1.0)
    ]


def test_an_unreadable_number_is_refused_and_not_nulled(folder):
    log = folder / "men.csv"
    log.write_text(log.read_text().replace(",3,0,0.5,", ",third,0,0.5,"))

    with pytest.raises(BadRows, match="position: first in data row 1"):
        read_source("open_bandit", folder)


def test_a_missing_column_is_refused_by_name(folder):
    log = folder / "men.csv"
    log.write_text(log.read_text().replace("propensity_score", "pscore"))

    with pytest.raises(SchemaError, match=r"men\.csv: missing column propensity_score"):
        read_source("open_bandit", folder)


def test_an_item_without_an_affinity_column_is_refused(folder):
    log = folder / "men.csv"
    log.write_text(log.read_text().replace("+00:00,1,3", "+00:00,77,3"))

    with pytest.raises(DataError, match=r"no user-item_affinity_\* column.*77"):
        read_source("open_bandit", folder)


def test_two_campaigns_in_one_folder_are_refused(folder):
    (folder / "women.csv").write_text((folder / "men.csv").read_text())

    with pytest.raises(DataError, match="expected one campaign's log"):
        read_source("open_bandit", folder)


@pytest.mark.parametrize("campaign", ["random/men", "random/women", "bts/men", "bts/women"])
def test_the_small_sets(tmp_path, campaign):
    tables = read_source("open_bandit", real_data(f"obd/{campaign}"))

    assert EventLog(tmp_path / "log").append(tables, at=AT).exposures == 10_000
    assert tables.exposures["propensity"].is_between(0, 1, closed="right").all()
    assert tables.exposures["position"].unique().sort().to_list() == [1, 2, 3]
