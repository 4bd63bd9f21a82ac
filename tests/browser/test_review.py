"""A review in MLflow's own pages, from signing in to the new champion.

With SLUICE_SCREENSHOTS=FOLDER, each test leaves a picture of what it saw there.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.lib.browser import Browser, opened_browser
from tests.lib.copied_home import copied
from tests.lib.installations import Installation, records
from tests.lib.opened_ui import Open, shot, started

pytestmark = [pytest.mark.browser, pytest.mark.integration]

AUTHOR, REVIEWER, OUTSIDER = "ranking-team", "rita", "olaf"
PAGE = "{url}/#/models/{model}/versions/{version}?workflowType=machine_learning"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def installation(browser, story, second, tmp_path_factory) -> Installation:
    """A copy in which version 2 waits for a reviewer; after the browser, which may skip."""
    home = tmp_path_factory.mktemp("reviewed") / "home"
    copied(story.installation.home, home)
    return replace(story.installation, home=home)


@pytest.fixture(scope="module")
def passwords(installation) -> dict[str, str]:
    people = (AUTHOR, REVIEWER, OUTSIDER)
    return {
        name: installation.must("review", "account", name)["password"] for name in people
    }


@pytest.fixture(scope="module")
def ui(installation, passwords) -> Iterator[Open]:
    opened = started(installation, "--auth")
    yield opened
    os.kill(opened.process.pid, signal.SIGTERM)
    opened.process.communicate(timeout=60)


@pytest.fixture
def candidate(ui, browser, passwords):
    """Opens the candidate's page as somebody."""

    def open_as(name: str) -> Any:
        profile = Browser.new(browser.process, (name, passwords[name]))
        page = profile.open(version_page(ui, "for_you-candidates", 2))
        page.get_by_role("heading", name="All gates passed; a reviewer decides").wait_for()
        return page

    return open_as


def version_page(ui: Open, model: str, version: int) -> str:
    return PAGE.format(url=ui.urls["mlflow"], model=model, version=version)


def set_tag(page: Any, key: str, value: str) -> None:
    page.get_by_role("textbox", name="tag name").fill(key)
    page.get_by_role("textbox", name="tag value").fill(value)
    page.get_by_role("button", name="Add", exact=True).click()


def decisions(installation: Installation) -> list[tuple[str, str]]:
    """What reviewers decided on version 2."""
    rows = records(installation)["LedgerRow"]
    return [
        (row.action, row.actor)
        for row in rows
        if (row.version, row.role) == (2, "reviewer")
    ]


def test_nobody_reads_anything_without_signing_in(ui, browser):
    stranger = Browser.new(browser.process).context.request

    assert stranger.get(ui.urls["mlflow"]).status == 401


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (AUTHOR, "'ranking-team' made version 2 of for_you and cannot review it"),
        (OUTSIDER, "'olaf' is no reviewer of for_you; reviewers: demo-reviewer, rita"),
    ],
)
def test_the_page_tells_the_author_and_an_outsider_why_they_cannot_review(
    installation, candidate, name, why
):
    page = candidate(name)
    set_tag(page, "review", "approved")
    page.get_by_text(why).wait_for()
    shot(page, f"review-refused-{name}")
    page.close()

    assert decisions(installation) == []


def test_a_reviewer_reads_the_evidence_approves_and_sees_the_champion_change(
    ui, installation, candidate
):
    page = candidate(REVIEWER)
    shot(page, "review-candidate")
    page.get_by_text("Who gains and who pays, against the champion").wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="the whole evidence").click()
    evidence = opened.value
    evidence.frame_locator("iframe").get_by_text("All gates passed").first.wait_for()
    shot(evidence, "review-evidence")
    evidence.close()

    set_tag(page, "review", "approved: better on every metric")
    page.get_by_role("cell", name="approved: better on every metric").wait_for()
    page.reload()
    page.get_by_text("): 1 of 1 needed").wait_for()
    shot(page, "review-approved")
    assert decisions(installation) == [("approve", REVIEWER)]

    assert installation.must("run", "promote", "for_you")["version"] == 2
    page.goto(version_page(ui, "for_you", 2))
    page.get_by_text("Version 2 as released").wait_for()
    page.get_by_text("champion").first.wait_for()
    shot(page, "review-champion")
    page.close()


def test_an_alias_moved_in_the_page_stays_where_it_was(ui, browser, passwords):
    reviewer = Browser.new(browser.process, (REVIEWER, passwords[REVIEWER]))
    request = reviewer.context.request
    moved = request.post(
        f"{ui.urls['mlflow']}/ajax-api/2.0/mlflow/registered-models/alias",
        data={"name": "for_you", "alias": "champion", "version": "1"},
    )

    assert moved.status == 403


def test_no_page_of_a_review_reaches_out(ui, browser, passwords):
    fresh = Browser.new(browser.process, (REVIEWER, passwords[REVIEWER]))
    page = fresh.open(version_page(ui, "for_you-candidates", 2))
    # What would report home does so a moment after the page is drawn.
    page.wait_for_timeout(3_000)
    page.close()

    assert fresh.hosts == {ui.urls["mlflow"].removeprefix("http://")}


def test_no_password_is_in_a_log(ui, passwords):
    logs = [path.read_text(errors="replace") for path in (ui.home / "logs").iterdir()]

    assert logs
    assert not [word for word in passwords.values() for log in logs if word in log]
