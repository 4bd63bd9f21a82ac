"""The client against the real app, over a real server."""

import pytest

from sluice.serving import client as client_module
from sluice.serving.client import Client, InvalidRequest, NotAllowed, Ranked, Unavailable
from sluice.serving.hosts import HostCheck
from sluice.serving.port import Readiness, Status
from sluice.serving.problem import Code, Rejected
from sluice.serving.tokens import TokenCheck
from tests.lib.http_service import twin_app
from tests.lib.live_server import served
from tests.lib.twin_server import NOW, RELEASE, TwinServer

TOKEN = "c3" * 32
CLICK = {"user_id": "u", "item_id": "item1", "kind": "click", "value": 1, "ts": NOW}


@pytest.fixture(scope="module")
def twin():
    return TwinServer()


@pytest.fixture(scope="module")
def url(twin, tmp_path_factory):
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"test:{TOKEN}\n")
    with served(HostCheck(TokenCheck(twin_app(twin), tokens))) as address:
        yield address


@pytest.fixture
def client(url, twin, monkeypatch):
    monkeypatch.setattr(client_module, "_wait", lambda _: 0.0)
    twin.state = TwinServer().state
    with Client(url, token=TOKEN) as client:
        yield client


def test_a_ranking_is_a_value(client):
    answer = client.rank("user1", ["item2", "item1"], request_id="mine", ts=NOW)

    assert (answer.request_id, answer.release, answer.ts) == ("mine", RELEASE, NOW)
    assert [(item.item_id, item.position) for item in answer.items] == [
        ("item1", 1),
        ("item2", 2),
    ]
    assert (answer.epoch, answer.degraded, answer.unknown_user) == (7, False, False)


def test_what_is_worse_than_declared_is_said(client, twin):
    twin.degrade("the state is old")
    answer = client.rank("stranger", ["new"])

    assert (answer.degraded, answer.reasons) == (True, ("the state is old",))
    assert (answer.unknown_items, answer.unknown_user) == (1, True)
    assert client.ready().status == "degraded"


def test_a_request_at_fault_names_its_field(client):
    with pytest.raises(InvalidRequest) as refusal:
        client.rank("user1", ["a", "a"])

    error = refusal.value
    assert (error.status, error.code, error.field) == (422, "given_twice", "candidates[1]")


def test_a_batch_has_answers_and_errors_in_their_places(client):
    good, bad = {"user_id": "u", "candidates": ["a"]}, {"user_id": "u"}
    first, second = client.rank_batch([good, bad])

    assert isinstance(first, Ranked)
    assert isinstance(second, InvalidRequest)
    assert (second.code, second.field) == ("missing", "candidates")


def test_events_are_taken_once(client):
    first = client.events(feedback=[CLICK, CLICK | {"value": "1"}])
    second = client.events(feedback=[CLICK])

    assert (first.accepted, second.repeated) == (1, 1)
    assert [(row.row, row.field, row.code) for row in first.refused] == [
        (1, "value", "wrong_type")
    ]


def test_readiness(client, twin):
    standing = client.ready()
    twin.state = Readiness(Status.STARTING)

    assert (standing.ready, standing.release, standing.behind) == (True, RELEASE, 0)
    assert (client.ready().ready, client.ready().status) == (False, "starting")


def test_a_busy_server_is_asked_again(client, twin, monkeypatch):
    answers = iter([503, 503, None])
    rank = twin.rank

    def busy_twice(asked, request_id):
        if next(answers):
            raise Rejected(503, "busy", code=Code.OVERLOADED, retry_after=2)
        return rank(asked, request_id)

    monkeypatch.setattr(twin, "rank", busy_twice)

    assert client.rank("user1", ["a"]).items


def test_a_server_that_stays_busy_is_given_up(client, twin):
    twin.state = Readiness(Status.STARTING)

    with pytest.raises(Unavailable) as refusal:
        client.rank("user1", ["a"])
    assert (refusal.value.status, refusal.value.code) == (503, "no_release")


def test_the_wait_is_what_the_server_asks_for_within_reason():
    assert 2.0 <= client_module._wait("2") <= 3.0
    assert client_module._wait("100000") <= 15.0
    assert client_module._wait(None) <= client_module._wait("soon") * 1.6


def test_without_a_token_it_is_said_so(url):
    with Client(url, token="d4" * 32) as client, pytest.raises(NotAllowed):
        client.rank("user1", ["a"])


def test_nobody_there_is_unavailable(monkeypatch):
    monkeypatch.setattr(client_module, "_wait", lambda _: 0.0)
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unavailable) as refusal:
        client.rank("user1", ["a"])
    assert refusal.value.code == "unreachable"
