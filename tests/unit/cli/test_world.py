"""`sluice world` as it is typed: effects in JSON, a log that the event log reads back, and what is refused."""

import json

import polars as pl
import pytest
from click.testing import CliRunner

from sluice.cli.world import world
from sluice.data.event_log import EventLog
from sluice.errors import ConfigError


def typed(*arguments):
    return CliRunner().invoke(world, ["run", "tiring", "--people", "60", *arguments])


def test_the_effects_are_given_with_their_error():
    answer = typed("--spacing", "0", "--seeds", "2", "--days", "2", "--json")

    effects = json.loads(answer.stdout)["effects"]
    assert {row["span"] for row in effects} == {"day 1", "last 2 days"}
    clicks = next(row for row in effects if row["measure"] == "clicks")
    assert clicks["error"] > 0
    assert clicks["seeds"] == 2


def test_a_log_is_read_back_and_never_mixed(tmp_path):
    answer = typed("--log", "--days", "1", "--json", "--home", str(tmp_path))

    written = json.loads(answer.stdout)["written"]
    log = EventLog(tmp_path / "log")
    assert set(log.surfaces()) == {"for_you", "follow"}
    assert len(pl.read_parquet(written["truth"])) == written["exposures"] > 0
    again = typed("--log", "--days", "1", "--home", str(tmp_path))
    assert isinstance(again.exception, ConfigError)
    assert "holds events" in str(again.exception)


def test_a_run_that_changes_nothing_is_refused():
    with pytest.raises(ConfigError, match="nothing is changed"):
        CliRunner().invoke(world, ["run", "tiring"], catch_exceptions=False)
