"""The page of a house: what it shows of a surface, and of what it does not know."""

import asyncio
from datetime import UTC, datetime
from unittest import mock

import httpx
import pytest
from starlette.responses import PlainTextResponse

from sluice.cli.house_facts import (
    Fact,
    Reach,
    SurfacePart,
    Tone,
    next_runs,
    span,
    surface_parts,
)
from sluice.cli.house_page import page
from sluice.cli.house_server import answered
from sluice.monitors.evidently_server import HOUSE, guarded, house_address, with_house
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import Outcome, State, Validation
from tests.lib import promotions
from tests.lib.stores import T0

AT = datetime(2026, 5, 2, 3, 4, tzinfo=UTC)
NOWHERE = Reach("http://127.0.0.1:1", "http://127.0.0.1:1", {"feed": "http://127.0.0.1:1"})
PORT, KEY = 8000, "a key"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A champion, a version in review, data checks that failed, and no server."""
    settings = load_settings({}, tmp_path_factory.mktemp("house"))
    with open_store(settings.database_url) as store:
        promotions.bring(store, State.CHAMPION, "a")
        promotions.bring(store, State.IN_REVIEW, "b")
        for suite, outcome, failing in (
            ("rows", Outcome.PASS, ()),
            ("items", Outcome.FAIL, ("items.rows",)),
        ):
            store.put(
                Validation(
                    "feed", "1a" * 32, "2b" * 32, suite, outcome, 3, failing, "3c" * 32, T0
                )
            )
    return settings


def facts(settings, reach=NOWHERE):
    (part,) = surface_parts(settings, ["feed"], reach)
    return {fact.name: fact for fact in part.facts}


def test_who_serves_and_who_waits(settings):
    shown = facts(settings)

    assert shown["champion"].text == "version 1, champion since 2024-05-01 12:01"
    assert shown["waits for review"].text == "version 2"
    assert (
        shown["waits for review"].link
        == "http://127.0.0.1:1/#/models/feed-candidates?workflowType=machine_learning"
    )


def test_silence_is_never_good_news(settings):
    shown = facts(settings)

    assert shown["state age"] == Fact(
        "state age", "the service at http://127.0.0.1:1 does not answer", Tone.BAD
    )
    assert (shown["next run"].text, shown["next run"].tone) == (
        "Prefect does not answer",
        Tone.UNKNOWN,
    )
    assert shown["judged"].tone is Tone.UNKNOWN  # the surface has no file
    assert Tone.GOOD not in {fact.tone for fact in shown.values()}


def test_a_service_that_does_not_run_is_said(settings):
    assert (
        facts(settings, Reach("http://m", "http://127.0.0.1:1"))["state age"].text
        == "no service runs"
    )


@pytest.fixture
def declared(settings):
    """The surface has a file."""
    surface = mock.MagicMock()
    surface.name = "feed"
    with mock.patch("sluice.cli.installation.surface_of", return_value=surface):
        yield settings


def test_checks_that_failed_are_named(declared):
    shown = facts(declared)

    assert shown["data checks"].text == "fail at 2024-05-01 12:00, 6 checks: items.rows"
    assert shown["data checks"].tone is Tone.BAD
    assert (shown["drift"].text, shown["drift"].tone) == ("never", Tone.UNKNOWN)
    assert (shown["parity"].text, shown["alerts"].text) == ("never", "none is open")


def test_the_next_run_of_each_surface(settings):
    runs = [
        {
            "expected_start_time": "2026-05-02T03:30:00Z",
            "name": "feed 03:30",
            "parameters": {"surface": "feed"},
        },
        {
            "expected_start_time": "2026-05-02T04:30:00Z",
            "name": "later",
            "parameters": {"surface": "feed"},
        },
    ]
    answer = httpx.Response(200, json=runs, request=httpx.Request("POST", "http://p"))
    with mock.patch("httpx.post", return_value=answer):
        assert next_runs(settings, "http://p") == {"feed": "2026-05-02 03:30 (feed 03:30)"}


def test_what_it_shows_is_escaped():
    part = SurfacePart("<script>", (Fact("a", "<b>", Tone.BAD, "http://x/'\"><script>"),))

    html = page([part], {"<i>": "http://y"}, AT)

    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "As of 2026-05-02 03:04 UTC" in html


def test_a_home_without_a_store_is_said(tmp_path):
    answer = answered(load_settings({}, tmp_path), "http://m", "http://p")

    assert answer.status_code == 503
    assert b"no store in" in answer.body


@pytest.mark.parametrize(
    ("seconds", "shown"), [(4, "4 s"), (90, "1.5 min"), (7200, "2.0 h"), (172800, "2.0 d")]
)
def test_an_age_is_readable(seconds, shown):
    assert span(seconds) == shown


def test_nobody_sees_it_without_the_key(tmp_path):
    served = with_house(PlainTextResponse("dashboards"), PlainTextResponse("the house"))

    async def asked():
        transport = httpx.ASGITransport(guarded(served, KEY, PORT))
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://127.0.0.1:{PORT}"
        ) as client:
            closed = await client.get(HOUSE)
            await client.post("/sign-in", content=KEY)
            return (
                closed.status_code,
                (await client.get(HOUSE)).text,
                (await client.get("/")).text,
            )

    assert asyncio.run(asked()) == (401, "the house", "dashboards")
    assert house_address(tmp_path / "key", "http://h").endswith("/house")
