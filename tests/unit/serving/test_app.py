"""Every row of what a client may send, against the real app over a real release."""

import asyncio
import json
import uuid

import httpx
import pytest

from sluice.data.limits import MAX_CANDIDATES
from sluice.serving import body as body_module
from sluice.serving.app import ranking_app
from sluice.serving.prediction_reader import read_predictions
from sluice.serving.ranking_server import RankingServer
from sluice.serving.request import MAX_BODY_BYTES
from sluice.serving.source import FixedSource
from tests.lib.releases import END, ITEM_IDS

JSON = {"content-type": "application/json"}
GOOD = {"user_id": "user1", "candidates": ["item01", "item02", "item03"], "ts": END}


def _app(server):
    return ranking_app(lambda: server, clock=lambda: END + 5)


class Service:
    """A served release and its HTTP client, driven from synchronous tests."""

    def __init__(self, runner, server):
        self.server, self._runner = server, runner
        self._transport = httpx.ASGITransport(app=_app(server))

    def call(self, method, path, **request):
        async def send():
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://sluice"
            ) as client:
                return await client.request(method, path, **request)

        return self._runner.run(send())

    def rank(self, body, **request):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", "/rank", content=content, **({"headers": JSON} | request))


@pytest.fixture(scope="module")
def service(pristine, tmp_path_factory):
    predictions = tmp_path_factory.mktemp("predictions")
    server = RankingServer(
        FixedSource(pristine, pristine.name), predictions, lambda: END + 5
    )
    with asyncio.Runner() as runner:
        runner.run(server.look())
        yield Service(runner, server)
        runner.run(server.stop())


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """A server that no release was given yet."""
    folder = tmp_path_factory.mktemp("nothing")
    with asyncio.Runner() as runner:
        yield Service(
            runner, RankingServer(FixedSource(folder, "0" * 64), folder, lambda: END)
        )


def test_a_ranking_names_release_request_and_slots_in_order(service, pristine):
    answer = service.rank(GOOD | {"candidates": list(ITEM_IDS), "request_id": "mine"})
    body = answer.json()
    scores = [item["score"] for item in body["items"]]

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (body["release"], body["request_id"]) == (pristine.name, "mine")
    assert "epoch" not in body
    assert sorted(item["item_id"] for item in body["items"]) == list(ITEM_IDS)
    assert [item["position"] for item in body["items"]] == list(range(1, 21))
    assert scores == sorted(scores, reverse=True)


def test_ties_are_ordered_by_item_id_whatever_the_order_asked(service):
    items = service.rank(GOOD | {"candidates": ["z", "a", "m"]}).json()["items"]

    assert [item["item_id"] for item in items] == ["a", "m", "z"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"candidates": []},
        {"candidates": ["item01"]},
        {"candidates": ["x" * 1024]},
        {"user_id": "u" * 1024},
        {"request_id": "r" * 1024},
        {"revenue": None},
        {"ts": "2026-01-05T01:00:30Z"},
        {"ts": "2026-01-05T01:00:00.000001+00:00"},
        {"ts": "2026-01-05T03:00:00+02:00"},
        {"ts": END + 60_000_000},
        {"context": {"context_device": 1}},
        {"context": {"context_rank": [1.0, 2.0, 3.5]}},
        {"candidates": [f"i{n}" for n in range(MAX_CANDIDATES)]},
    ],
)
def test_what_each_field_may_be(service, change):
    answer = service.rank(GOOD | change)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"candidates": [f"i{n}" for n in range(MAX_CANDIDATES + 1)]}, 413, "too_large", "candidates"),
        ({"candidates": ["a", "b", "a"]}, 422, "given_twice", "candidates[2]"),
        ({"candidates": ["a", ""]}, 422, "empty", "candidates[1]"),
        ({"candidates": ["a", 5]}, 422, "wrong_type", "candidates[1]"),
        ({"candidates": ["a", None]}, 422, "wrong_type", "candidates[1]"),
        ({"candidates": ["x" * 1025]}, 422, "too_long", "candidates[0]"),
        ({"candidates": "item01"}, 422, "wrong_type", "candidates"),
        ({"candidates": None}, 422, "missing", "candidates"),
        ({"candidates": ["a", "\ud800"]}, 422, "not_unicode", "candidates[1]"),
        ({"user_id": "\udfff"}, 422, "not_unicode", "user_id"),
        ({"user_id": ""}, 422, "empty", "user_id"),
        ({"user_id": 7}, 422, "wrong_type", "user_id"),
        ({"user_id": None}, 422, "missing", "user_id"),
        ({"user_id": "u" * 1025}, 422, "too_long", "user_id"),
        ({"request_id": ""}, 422, "empty", "request_id"),
        ({"request_id": None}, 422, "wrong_type", "request_id"),
        ({"request_id": "r" * 1025}, 422, "too_long", "request_id"),
        ({"ts": True}, 422, "not_a_time", "ts"),
        ({"ts": 1.5e15}, 422, "not_a_time", "ts"),
        ({"ts": -1}, 422, "before_1990", "ts"),
        ({"ts": 0}, 422, "before_1990", "ts"),
        ({"ts": 10**30}, 422, "not_a_time", "ts"),
        ({"ts": END + 60_000_006}, 422, "in_the_future", "ts"),
        ({"ts": "9999-12-31T23:59:59Z"}, 422, "in_the_future", "ts"),
        ({"ts": "yesterday"}, 422, "not_a_time", "ts"),
        ({"ts": "2026-01-05T12:00:00"}, 422, "not_a_time", "ts"),
        ({"ts": "20260105T120000Z"}, 422, "not_a_time", "ts"),
        ({"ts": "2026-01-05T12:00:00Z\n"}, 422, "not_a_time", "ts"),
        ({"ts": "2026-13-05T12:00:00Z"}, 422, "not_a_time", "ts"),
        ({"ts": str(END)}, 422, "not_a_time", "ts"),
        ({"ts": None}, 422, "not_a_time", "ts"),
        ({"context": []}, 422, "wrong_type", "context"),
        ({"context": {"context_device": "1"}}, 422, "wrong_type", "context.context_device"),
        ({"context": {"context_device": True}}, 422, "wrong_type", "context.context_device"),
        ({"context": {"context_device": None}}, 422, "wrong_type", "context.context_device"),
        ({"context": {"context_device": 1e39}}, 422, "not_finite", "context.context_device"),
        ({"context": {"context_device": 10**400}}, 422, "not_finite", "context.context_device"),
        ({"context": {"context_rank": [1.0]}}, 422, "wrong_length", "context.context_rank"),
        ({"context": {"context_rank": [1, 2, "3"]}}, 422, "wrong_type", "context.context_rank[2]"),
        ({"context": {"secret": 1}}, 422, "unknown_field", "context"),
        ({"context": {"No name": 1}}, 422, "unknown_field", "context"),
        ({"revenue": 1}, 422, "wrong_type", "revenue"),
        ({"revenue": [1]}, 422, "wrong_length", "revenue"),
        ({"revenue": [None, None, "1"]}, 422, "wrong_type", "revenue[2]"),
        ({"surprise": 1}, 422, "unknown_field", "surprise"),
        ({"A surprise": 1}, 422, "unknown_field", None),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field_and_its_code(service, change, status, code, field):
    answer = service.rank(GOOD | change)
    error = answer.json()["error"]

    assert answer.status_code == status, answer.text
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"rank"', 400),
        (b"\xff\xfe{\x00}\x00", 400),
        (b'{"user_id": "\xff", "candidates": []}', 400),
        (b"[" * 100_000, 400),
        (b'{"context":' * 50_000, 400),
        (b'{"user_id":"u","user_id":"v","candidates":[]}', 400),
        (b'{"user_id":"u","candidates":[],"context":{"a":1,"a":2}}', 400),
        (b'{"user_id":"u","candidates":[],"ts":' + b"9" * 5000 + b"}", 400),
        (b'{"user_id":"u","candidates":[],"ts":NaN}', 422),
        (b'{"user_id":"u","candidates":[],"context":{"context_device":NaN}}', 422),
        (b'{"user_id":"u","candidates":[],"context":{"context_device":Infinity}}', 422),
        (b'{"user_id":"u","candidates":[],"context":{"context_device":-Infinity}}', 422),
        (b'{"user_id":"u","candidates":[],"context":{"context_device":1e999}}', 422),
        (b'{"user_id":"u"}', 422),
        (b"{}", 422),
    ],
)
def test_a_body_that_is_no_request_is_refused_and_never_a_server_error(
    service, body, status
):
    answer = service.rank(body)

    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"code", "field", "message"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON; charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/vnd.bentoml+pickle", 415),
        ("application/xml", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=" + "x" * 5000, 415),
        ("", 415),
    ],
)
def test_only_json_is_taken(service, kind, status):
    assert service.rank(GOOD, headers={"content-type": kind}).status_code == status


def test_a_body_over_the_cap_is_refused_by_its_declared_length_alone(service):
    assert service.rank(b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert service.rank(b" " * MAX_BODY_BYTES).status_code == 400


def test_reading_stops_at_the_cap_when_no_length_is_declared(service):
    sent = []

    async def endless():
        while len(sent) < 10_000:
            sent.append(1)
            yield b" " * 65_536

    async def send():
        transport = httpx.ASGITransport(app=_app(service.server))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://sluice"
        ) as client:
            return await client.post("/rank", content=endless(), headers=JSON)

    answer = service._runner.run(send())

    assert answer.status_code == 413
    assert len(sent) < 20


def test_a_body_that_does_not_arrive_is_given_up(service, monkeypatch):
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.05)

    async def stalled():
        yield b"{"
        await asyncio.sleep(60)
        yield b"}"

    async def send():
        transport = httpx.ASGITransport(app=_app(service.server))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://sluice"
        ) as client:
            return await client.post("/rank", content=stalled(), headers=JSON)

    assert service._runner.run(send()).status_code == 408


def test_a_request_before_the_states_clock_is_refused_with_its_reason(service):
    answer = service.rank(GOOD | {"ts": "2020-01-01T00:00:00Z"})

    assert answer.status_code == 422
    assert "ask for a later time" in answer.json()["error"]["message"]


def test_without_a_time_the_servers_clock_is_meant(service):
    request_id = uuid.uuid4().hex
    service.rank({"user_id": "user1", "candidates": ["item01"], "request_id": request_id})
    service.rank({"user_id": "user1", "candidates": ["item01"]})

    assert service.server.log_counts().accepted > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/rank", 405),
        ("PUT", "/rank", 405),
        ("POST", "/livez", 405),
        ("POST", "/docs", 405),
        ("POST", "/openapi.json", 405),
        ("GET", "/events", 405),
        ("OPTIONS", "/rank", 405),
        ("HEAD", "/livez", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/", 404),
        ("GET", "/docs.json", 404),
        ("GET", "/schema.json", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
    ],
)
def test_only_our_routes_exist(service, method, path, status):
    answer = service.call(method, path, headers={"origin": "http://evil", "host": "evil"})

    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control")]
    if status >= 400:
        assert set(answer.json()) == {"error"}
    assert (status == 405) == ("allow" in answer.headers)


def test_errors_do_not_repeat_what_was_sent(service):
    canary = "canary-7d1f"
    bodies = [
        GOOD | {"user_id": canary * 100},
        GOOD | {"candidates": [canary, canary]},
        GOOD | {"context": {canary: 1}},
        GOOD | {canary: canary},
        GOOD | {"ts": canary},
    ]

    answers = [service.rank(body) for body in bodies]

    assert all(answer.status_code == 422 for answer in answers)
    assert not any(canary in answer.text for answer in answers)


def test_ready_only_with_a_verified_release(service, idle, pristine):
    ready, waiting = service.call("GET", "/readyz"), idle.call("GET", "/readyz")

    assert ready.json() == {
        "status": "ready",
        "release": pristine.name,
        "surface": "for_you",
        "version": 1,
        "position": 0,
        "behind": 0,
        "late": 0,
        "state_age_s": ready.json()["state_age_s"],
    }
    assert (waiting.status_code, waiting.json()["status"]) == (503, "starting")
    assert idle.call("GET", "/livez").status_code == 200


def test_a_server_without_a_release_answers_503_and_when_to_come_back(idle):
    answer = idle.rank(GOOD)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_metrics_add_up(service, pristine):
    service.rank(GOOD)
    text = service.call("GET", "/metrics").text
    numbers = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    log = {
        name: float(numbers[f"sluice_predictions_{name}"])
        for name in ("accepted_total", "stored_total", "dropped_total", "in_queue")
    }

    assert float(numbers['sluice_requests_total{status="200"}']) >= 1
    assert (
        log["accepted_total"]
        == log["stored_total"] + log["dropped_total"] + log["in_queue"]
    )
    assert log["accepted_total"] == float(numbers['sluice_requests_total{status="200"}'])
    assert f'digest="{pristine.name}"' in text
    assert float(numbers["sluice_latency_seconds_count"]) == sum(
        float(value)
        for name, value in numbers.items()
        if name.startswith("sluice_requests_total")
    )


def test_every_answer_is_logged_as_it_was_given(pristine, tmp_path):
    with asyncio.Runner() as runner:
        server = RankingServer(
            FixedSource(pristine, pristine.name), tmp_path, lambda: END + 5
        )
        runner.run(server.look())
        answer = Service(runner, server).rank(GOOD | {"request_id": "one"}).json()
        Service(runner, server).rank({"user_id": "user2", "candidates": []})
        runner.run(server.stop())

    first, second = read_predictions(tmp_path / "for_you").predictions

    assert (first.request_id, first.user_id, first.ts) == ("one", "user1", END)
    assert list(first.candidates) == GOOD["candidates"]
    assert [(first.candidates[row], first.scores[row]) for row in first.order] == [
        (item["item_id"], item["score"]) for item in answer["items"]
    ]
    assert first.propensities == (1.0, 1.0, 1.0)
    assert (first.release, len(first.features_digest)) == (pristine.name, 64)
    assert (second.ts, second.candidates) == (END + 5, ())
