"""`sluice ecosystem` as it is typed: a table, JSON, and an exit code for a target that is missed."""

import json

import pytest
from click.testing import CliRunner

from sluice.cli.ecosystem import ecosystem
from sluice.data.event_log import EventLog
from sluice.errors import Held
from tests.lib.logs import AT
from tests.lib.tiny_ecosystem import DONE, SHOWN, tables

DECLARED = """
name = "for_you"
owner = "ann"
[review]
reviewers = ["rita"]
[ecosystem]
min_people = 2
[ecosystem.targets]
dwell_seconds = { at_least = 0.0 }
"""


@pytest.fixture
def typed(tmp_path, monkeypatch):
    (tmp_path / "surfaces").mkdir()
    (tmp_path / "surfaces" / "for_you.toml").write_text(DECLARED)
    monkeypatch.setenv("SLUICE_SURFACES", str(tmp_path / "surfaces"))
    EventLog(tmp_path / "home" / "log").append(tables(SHOWN, DONE), at=AT)

    def run(*arguments):
        home = "--home", str(tmp_path / "home")
        return CliRunner().invoke(ecosystem, ["for_you", *home, *arguments])

    return run


def test_json_holds_every_figure_or_its_reason(typed):
    answer = typed("--json", "--from", "2026-01-05", "--to", "2026-01-08", "--by", "hour")

    found = json.loads(answer.stdout)
    figures = found["whole"]["figures"]
    assert figures["dwell_seconds"]["value"] == pytest.approx(7.5)
    assert figures["provider_churn"] == {
        "value": None, "interval": None,
        "reason": "fewer than 10 providers published in the window's first half",
    }  # fmt: skip
    assert found["segments"]["dimension"] == "hour"
    assert found["no_successor"] == "no version was ever made here"


def test_the_table_says_what_is_not_given(typed):
    out = typed().stdout

    assert "item_gini" in out
    assert "≥ 0" in out
    assert "Not given, and why" in out
    assert "The log does not say" in out


def test_a_missed_target_holds_the_command(typed, tmp_path):
    path = tmp_path / "surfaces" / "for_you.toml"
    path.write_text(DECLARED.replace("at_least = 0.0", "at_most = -1e6"))

    answer = typed()
    assert isinstance(answer.exception, Held)
    assert "misses its targets of dwell_seconds" in str(answer.exception)
    assert typed("--json").exit_code == 3
