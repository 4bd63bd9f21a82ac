"""POST /events over a served release: what was shown is confirmed, known to the next answer, and never made up."""

import asyncio
import json
import sqlite3

import httpx
import pytest

from sluice.data.event_log import EventLog
from sluice.data.schema import EXPOSURES
from sluice.data.tables import Window
from sluice.serving.app import ranking_app
from sluice.serving.ranking_server import RankingServer
from sluice.serving.source import FixedSource
from sluice.serving_spec import ServingSpec
from tests.lib.random_logs import at
from tests.lib.releases import ITEM_IDS, small_log

NOW = at(7200)
LATER = at(10_000)


class Service:
    """The app over a real release and a real event log, in one process."""

    def __init__(self, runner, release, folder, declared=None):
        self.log = EventLog(folder / "log")
        self.log.append(small_log(), at=LATER)
        self.server = RankingServer(
            FixedSource(release, release.name),
            folder / "predictions",
            _micros,
            events=self.log,
            declared=declared,
        )
        self._runner = runner
        runner.run(self.server.look())
        app = ranking_app(lambda: self.server, clock=lambda: _micros() + 10**6)
        self._transport = httpx.ASGITransport(app=app)

    def post(self, path, **body):
        async def send():
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://localhost"
            ) as client:
                content = json.dumps(body).encode()
                headers = {"content-type": "application/json"}
                return await client.post(path, content=content, headers=headers)

        answer = self._runner.run(send())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rank(self, request_id, **more):
        body = {"user_id": "user1", "candidates": list(ITEM_IDS[:4])}
        return self.post("/rank", **body, request_id=request_id, **more)

    def exposures(self, request_id):
        rows = self.log.read(Window(at(0), at(90_000))).exposures
        return rows.filter(rows["request_id"] == request_id)

    def stop(self):
        self._runner.run(self.server.stop())


def _micros() -> int:
    return int(NOW.timestamp() * 1e6)


@pytest.fixture
def runner():
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def service(runner, release, tmp_path):
    service = Service(runner, release, tmp_path)
    yield service
    service.stop()


def test_a_confirmation_by_id_is_completed_from_the_answer(service):
    answer = service.rank("r1", context={"context_device": 3.0})
    top = answer["items"][0]

    taken = service.post(
        "/events", exposures=[{"request_id": "r1", "item_id": top["item_id"]}]
    )

    assert taken == {"accepted": 1, "repeated": 0, "refused": []}
    (row,) = service.exposures("r1").to_dicts()
    assert row["user_id"] == "user1"
    assert row["surface"] == "for_you"
    assert (row["position"], row["score"], row["propensity"]) == (1, top["score"], 1.0)
    assert row["release"] == answer["release"]
    assert row["context_device"] == 3.0
    assert row["ts"].timestamp() * 1e6 == answer["ts"]
    assert set(EXPOSURES.names) <= set(row)


def test_what_was_answered_and_not_confirmed_is_no_exposure(service):
    service.rank("r1")

    assert service.exposures("r1").is_empty()
    assert service.post("/events", items=[])["accepted"] == 0
    assert service.exposures("r1").is_empty()


def test_a_confirmation_that_contradicts_the_answer_is_refused_by_itself(service):
    answer = service.rank("r1")
    first, second = (item["item_id"] for item in answer["items"][:2])

    taken = service.post(
        "/events",
        exposures=[
            {"request_id": "r1", "item_id": first, "position": 7},
            {"request_id": "r1", "item_id": second},
            {"request_id": "r1", "item_id": "never-asked"},
        ],
    )

    assert taken["accepted"] == 1
    assert [(row["row"], row["code"]) for row in taken["refused"]] == [
        (0, "exposures.position.contradicts_served"),
        (2, "exposures.item_id.not_served"),
    ]
    assert service.exposures("r1")["item_id"].to_list() == [second]


def test_events_are_in_the_state_of_the_next_answer(service):
    state = service.server.serving.live.state
    column = state.names.index("item.click.24h")
    before = service.rank("r1")
    item = before["items"][0]["item_id"]

    def clicks():
        ranked = service.rank("later", ts=_micros() + 50 * 10**6)
        assert not ranked["unknown_items"]
        from sluice.features.state.feature_state import Request

        asked = Request("user1", (item,), ranked["ts"] + 1)
        return state.features(asked)[0, column]

    taken = service.post(
        "/events",
        exposures=[{"request_id": "r1", "item_id": item}],
        feedback=[
            {
                "request_id": "r1", "user_id": "user1", "item_id": item, "kind": "click",
                "value": 1.0, "ts": _micros() + 1,
            }
        ],
    )  # fmt: skip
    assert taken == {"accepted": 2, "repeated": 0, "refused": []}
    assert clicks() >= 1
    assert service.server.serving.live.behind == 0


def test_a_repeated_post_changes_nothing(service):
    answer = service.rank("r1")
    rows = [{"request_id": "r1", "item_id": answer["items"][0]["item_id"]}]

    assert service.post("/events", exposures=rows)["accepted"] == 1
    again = service.post("/events", exposures=rows)

    assert (again["accepted"], again["repeated"], again["refused"]) == (0, 1, [])


def test_a_request_that_the_service_did_not_answer_is_taken_as_it_is(service):
    row = {
        "request_id": "elsewhere", "user_id": "user2", "surface": "for_you", "item_id": "item03",
        "ts": "2026-01-05T02:00:00Z", "position": 9,
    }  # fmt: skip

    assert service.post("/events", exposures=[row])["accepted"] == 1
    assert service.exposures("elsewhere")["position"].to_list() == [9]


def test_a_surface_may_declare_that_answers_are_shown_down_to_a_slot(
    runner, release, tmp_path
):
    service = Service(runner, release, tmp_path, ServingSpec(shown=2))
    answer = service.rank("r1")
    service.stop()

    shown = service.exposures("r1").sort("position")
    assert shown["item_id"].to_list() == [item["item_id"] for item in answer["items"][:2]]


def test_an_old_state_says_that_the_answer_is_degraded(runner, release, tmp_path):
    service = Service(runner, release, tmp_path, ServingSpec(max_state_age="10m"))
    answer = service.rank("r1")
    service.stop()

    assert answer["degraded"]
    assert answer["reasons"] == ["stale_state"]
    assert answer["state_age_s"] > 600
    ready = service.server.readiness()
    assert ready.answers
    assert ready.reasons == ("stale_state",)


def test_unknown_items_and_people_are_counted_and_said(service):
    answer = service.post(
        "/rank", user_id="stranger", candidates=["item01", "nobody-knows"]
    )

    assert answer["unknown_items"] == 1
    assert answer["unknown_user"]
    assert service.server.telemetry.unknown_items == 1


def test_a_log_that_cannot_be_read_leaves_the_old_state_answering(service, monkeypatch):
    """Neither an answer nor /readyz may fall with it, and whoever follows the log goes on."""

    def broken(*_):
        raise sqlite3.OperationalError("disk I/O error")

    service.rank("r1")
    with monkeypatch.context() as patched:
        for name in ("changed", "position"):
            patched.setattr(EventLog, name, broken)
        assert service.rank("r2")["items"]
        assert service.server.readiness().behind is None
        assert service.server.telemetry.feed_errors

    assert service.server.readiness().behind == 0
