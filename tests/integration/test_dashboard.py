"""Watched windows in a real Evidently workspace, opened in a real browser."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

from sluice.data.tables import Window
from sluice.monitors import dashboard
from sluice.monitors.dashboard import Rows, Watched, add_run
from sluice.monitors.drift import drift
from sluice.monitors.evidently_server import HEALTH, sign_in_address
from sluice.monitors.histogram import profile_like, reference_profile
from sluice.surface import MonitorSpec
from tests.lib.browser import chromium
from tests.lib.monitors import feature_rows

pytestmark = pytest.mark.integration

NAMES = ("position", "count", "unknown")
BEFORE = Rows(feature_rows(3000, seed=1), np.linspace(0, 1, 3000))
REFERENCE = reference_profile(NAMES, BEFORE.features, BEFORE.scores)


def window(day):
    start = datetime(2024, 3, day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1))


def watched(rows, day=5, release="d1g3st", surface="feed"):
    report = drift(
        REFERENCE, profile_like(REFERENCE, rows.features, rows.scores), MonitorSpec()
    )
    return Watched(surface, release, window(day), report)


def later(rows=3000, shift=2.0):
    return Rows(feature_rows(rows, seed=2, shift=shift), np.linspace(0, 1, rows))


def write(folder, what, rows, seed=3):
    return add_run(folder, what, BEFORE, rows, np.random.default_rng(seed))


def files(folder):
    return {
        file.relative_to(folder): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_run_and_its_project_are_read_back_by_evidently(tmp_path):
    what = watched(later())
    write(tmp_path, what, later())
    from evidently.ui.workspace import Workspace  # after `write`, which knows its warnings

    workspace = Workspace(str(tmp_path))

    (project,) = workspace.list_projects()
    (run,) = workspace.list_runs(project.id)
    stored = workspace.get_run(project.id, run)
    assert (project.name, str(run)) == ("feed", str(what.run_id))
    assert stored.tags == ["d1g3st", "fail"]
    assert stored.timestamp == what.window.end
    assert [panel.title for panel in workspace.get_dashboard(project.id).panels] == [
        "Drifted features", "Score PSI", "Drifted features, %", "PSI of the score", "Rows",
    ]  # fmt: skip


def test_a_run_carries_our_figures_over_the_full_window(tmp_path):
    what = watched(later())

    stored = json.loads(write(tmp_path, what, later()).read_text())

    values = {
        each["display_name"]: each.get("value")
        for each in stored["metric_results"].values()
    }
    found = {
        name.split("'")[1]: value for name, value in values.items() if "full window" in name
    }
    assert found == {
        "full window: drifted features, %": pytest.approx(100 / 3),
        "full window: score PSI": pytest.approx(what.report.score.psi),
        "full window: rows": 3000,
        "full window: reference rows": 3000,
    }


def test_a_report_begins_with_our_verdict_and_draws_no_figure_as_a_chart(tmp_path):
    what = watched(later())
    stored = json.loads(write(tmp_path, what, later()).read_text())
    first, second, *_ = stored["widgets"]

    assert first["title"] == f"fail, over the full window: {what.report.reason}"
    assert [(each["label"], each["value"]) for each in first["params"]["counters"]] == [
        ("drifted features, %", "33.3"),
        ("score PSI", "0.0000"),
        ("rows", "3,000"),
        ("reference rows", "3,000"),
    ]
    assert "Evidently's own view" in second["params"]["counters"][0]["label"]
    assert not [each for each in stored["widgets"] if "Maximum value" in each["title"]]


def test_no_drift_at_all_is_a_value_to_evidently(tmp_path):
    """Its dashboard shows a plain zero as "no value"."""
    stored = json.loads(write(tmp_path, watched(BEFORE), BEFORE).read_text())
    shares = [
        each["value"]
        for each in stored["metric_results"].values()
        if "drifted features" in each["display_name"]
    ]

    assert shares == [pytest.approx(0)]
    assert shares != [0]


def test_the_same_release_and_window_is_written_once(tmp_path):
    write(tmp_path, watched(later()), later())
    before = files(tmp_path)

    write(tmp_path, watched(later()), later(), seed=99)

    assert files(tmp_path) == before


def test_other_releases_windows_and_surfaces_are_runs_of_their_own(tmp_path):
    first = watched(later())
    for what in (first, replace(first, release="other"), replace(first, window=window(6))):
        write(tmp_path, what, later())
    write(tmp_path, replace(first, surface="search"), later())

    assert len(list(tmp_path.glob("*/metadata.json"))) == 2
    assert len(list((tmp_path / str(first.project_id)).glob("snapshots/*.json"))) == 3


def test_a_dashboard_that_somebody_rearranged_is_left_alone(tmp_path):
    write(tmp_path, watched(later()), later())
    (panels,) = tmp_path.glob("*/dashboard.json")
    panels.write_text('{"tabs": [], "panels": []}')

    write(tmp_path, watched(later(), day=6), later())

    assert panels.read_text() == '{"tabs": [], "panels": []}'


@pytest.mark.parametrize("rows", [0, 20])
def test_too_few_rows_are_shown_as_rows_without_any_drift(tmp_path, rows):
    stored = write(tmp_path, watched(later(rows)), later(rows)).read_text()

    assert "inconclusive" in stored
    assert "full window: rows" in stored
    assert "ValueDrift" not in stored
    assert '{"value": "unknown", "label": "drifted features, %"}' in stored


def test_unknown_infinite_and_constant_columns_do_not_stop_a_run(tmp_path):
    rows = later()
    rows.features[:, 0] = np.nan
    rows.features[:, 1] = 4
    rows.features[:9, 2] = np.inf

    stored = write(tmp_path, watched(rows), rows).read_text()

    assert "Value drift for count" in stored
    assert "Value drift for position" not in stored


def test_only_the_features_that_moved_most_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "COLUMNS", 1)

    stored = write(tmp_path, watched(later()), later()).read_text()

    assert "Value drift for position" in stored
    assert "Value drift for count" not in stored
    assert "Value drift for score" in stored


@contextmanager
def served(workspace):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = workspace.parent / "key"
    with (workspace.parent / "ui.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "sluice.monitors.evidently_server", workspace, str(port), key],
            env={**os.environ, "DO_NOT_TRACK": "true"}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        yield url, sign_in_address(key, url)
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return urlopen(url).close()
        except (URLError, ConnectionError):
            time.sleep(0.3)
    raise TimeoutError(url)


@pytest.mark.browser
def test_evidently_ui_shows_the_dashboard_and_asks_no_other_host(tmp_path):
    from playwright.sync_api import sync_playwright

    what = watched(later())
    write(tmp_path / "workspace", what, later())
    hosts = set()
    with served(tmp_path / "workspace") as (base, sign_in), sync_playwright() as playwright:
        wait_for(base + HEALTH)
        browser = playwright.chromium.launch(**chromium(playwright))
        page = browser.new_page()
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.goto(sign_in)
        page.wait_for_url(lambda url: "sign-in" not in url)
        page.goto(f"{base}/projects/{what.project_id}")
        page.get_by_text("Drifted features, %").wait_for()
        page.get_by_text("33.33").wait_for()
        page.goto(f"{base}/projects/{what.project_id}/reports/{what.run_id}")
        page.get_by_text("Dataset Drift").first.wait_for()
        browser.close()

    assert hosts == {base.removeprefix("http://")}
