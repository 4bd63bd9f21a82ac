"""`sluice ui` over a finished lifecycle, as a person sees it in a browser.

The servers start once; each test opens pages of its own. With SLUICE_SCREENSHOTS=FOLDER, each
leaves a picture of what it saw there.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.registry.mlflow_pages import run_pages
from sluice.serving.processes import Process, tree, wait_gone
from tests.lib.browser import Browser, opened_browser
from tests.lib.copied_home import copied
from tests.lib.installations import Installation
from tests.lib.opened_ui import Open, shot, started

pytestmark = [pytest.mark.browser, pytest.mark.integration]

MLFLOW = "?workflowType=machine_learning"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def installation(browser, postgres_story, tmp_path_factory) -> Installation:
    """A copy, so that the servers write into nobody else's home; after the browser, which may skip."""
    home = tmp_path_factory.mktemp("looked at") / "home"
    copied(postgres_story.installation.home, home)
    return replace(postgres_story.installation, home=home)


@pytest.fixture(scope="module")
def ui(installation) -> Iterator[Open]:
    opened = started(installation)
    yield opened
    os.kill(opened.process.pid, signal.SIGTERM)
    opened.process.communicate(timeout=60)


def test_mlflow_lists_the_surface_and_its_run_with_metrics_plots_and_evidence(ui, browser):
    page = browser.open(run_pages(ui.urls["mlflow"])["for_you"])
    page.get_by_text("for_you version 1").click()
    page.get_by_text("candidate/ndcg_at_10").wait_for()
    page.get_by_text("minus_baseline/ndcg_at_10", exact=True).wait_for()
    shot(page, "mlflow-run")
    page.get_by_text("Artifacts").click()
    page.get_by_text("evidence.html").click()
    page.frame_locator("iframe").get_by_text("All gates passed").first.wait_for()
    page.get_by_text("plots").wait_for()
    shot(page, "mlflow-evidence")
    page.close()


def test_mlflow_says_which_version_is_champion_and_describes_the_candidate(ui, browser):
    page = browser.open(f"{ui.urls['mlflow']}/#/models/for_you/versions/1{MLFLOW}")
    page.get_by_text("champion").first.wait_for()
    page.get_by_text("Version 1 as released").wait_for()
    shot(page, "mlflow-champion")
    page.goto(f"{ui.urls['mlflow']}/#/models/for_you-candidates/versions/1{MLFLOW}")
    page.get_by_role("heading", name="All gates passed; a reviewer decides").wait_for()
    shot(page, "mlflow-candidate")
    page.close()


def test_prefect_shows_the_completed_flow_runs(ui, browser):
    page = browser.open(ui.sign_in["prefect"])
    page.wait_for_url("**/runs**")
    for flow in ("lifecycle", "validate", "retrain", "package", "promote", "monitor"):
        page.get_by_role("link", name=flow, exact=True).first.wait_for()
    page.get_by_text("Completed").first.wait_for()
    assert page.get_by_text("Upgrade to Cloud").count() == 0
    shot(page, "prefect-runs")
    page.close()


def test_evidently_shows_the_dashboard_and_the_verdict_of_a_report(ui, browser):
    page = browser.open(ui.sign_in["evidently"])
    page.get_by_text("for_you").first.click()
    page.get_by_text("Drifted features, %").wait_for()
    page.get_by_text("PSI of the score").wait_for()
    shot(page, "evidently-dashboard")
    page.get_by_role("tab", name="Reports").or_(page.get_by_text("Reports")).first.click()
    page.get_by_text("View").first.click()
    page.get_by_text("over the full window").wait_for()
    page.get_by_text("Dataset Drift").first.wait_for()
    shot(page, "evidently-report")
    page.close()


def test_the_pages_on_disk_need_no_server(ui, browser):
    (evidence,) = ui.home.glob("evidence/*/1.html")
    page = browser.open(evidence.as_uri())
    page.get_by_text("All gates passed; a reviewer decides").wait_for()
    shot(page, "evidence")
    page.goto(next(ui.home.glob("validation/*/index.html")).as_uri())
    page.get_by_role("link", name="exposures").click()
    page.get_by_text("✔ pass").first.or_(
        page.get_by_text("exposures: pass")
    ).first.wait_for()
    shot(page, "data-checks")
    page.close()


def test_no_page_of_the_three_reaches_out(ui, browser):
    fresh = Browser.new(browser.process)
    addresses = (*ui.urls.values(), *ui.sign_in.values(), *ui.urls.values())
    for url in (*run_pages(ui.urls["mlflow"]).values(), *addresses):
        page = fresh.open(url)
        # What would report home does so a moment after the page is drawn.
        page.wait_for_timeout(3_000)
        page.close()

    assert fresh.hosts == {url.removeprefix("http://") for url in ui.urls.values()}


def test_everything_listens_on_loopback_only(ui):
    ports = {int(url.rpartition(":")[2]) for url in ui.urls.values()}

    assert {port: listening(port) for port in ports} == {
        port: {"0100007F"} for port in ports
    }


def listening(port: int) -> set[str]:
    """Addresses, as /proc/net writes them, that take connections on a port."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].rpartition(":")[0]
        for row in rows
        if row[3] == "0A" and row[1].endswith(f":{port:04X}")
    }


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_nothing_of_it_outlives_it(installation, number, code):
    opened = started(installation)
    family: tuple[Process, ...] = tree(opened.process.pid)
    os.kill(opened.process.pid, number)
    opened.process.communicate(timeout=60)

    assert len(family) > len(opened.urls)
    assert wait_gone(family, 30)
    assert opened.process.returncode == code
