"""What either server of the same app owes to its callers: granian's, and BentoML's."""

import json
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sluice.serving.bento import build_bento
from sluice.serving.processes import tree, wait_gone
from sluice.serving.running import RunningServer, serve, serve_lean
from tests.lib.raw_http import (
    BODY,
    FIELDS,
    LINE,
    answer_on,
    answered,
    connected,
    flooded,
    seconds_open,
    status_of,
    whole,
)
from tests.lib.releases import small_release

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

HEADER_SECONDS = 2.0
SOON = 3.0
"""On a machine that is busy with other tests."""
LEAST_ASKED = 10
CROWD = 200
"""Requests at once, of which a lane takes a third."""
CUT_WITHIN = 8 << 20
"""Bytes that the two ends' buffers may have taken before a cut is seen."""


@dataclass(frozen=True)
class Kind:
    """One of the two servers, and how one of it is started over the same release."""

    name: str
    start: Callable[..., AbstractContextManager[RunningServer]]


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def digest(room) -> str:
    return small_release(room / "releases")


@pytest.fixture(scope="module", params=["lean", "bentoml"])
def kind(request, room, digest) -> Kind:
    limits = {"SLUICE_HEADER_SECONDS": str(HEADER_SECONDS)}
    if request.param == "bentoml":
        bento = build_bento(room / "releases" / digest, digest, room / "bentoml")
        return Kind("bentoml", lambda: serve(bento, room, environ=limits))
    released = {"SLUICE_RELEASE": str(room / "releases" / digest)}
    return Kind("lean", lambda: serve_lean(room, {**limits, **released}))


@pytest.fixture(scope="module")
def url(kind):
    with kind.start() as server:
        yield server.url


class Probe:
    """Asks again and again while the block lasts; keeps the slowest answer and every failure."""

    def __init__(self, url: str) -> None:
        self.slowest, self.asked, self.failures = 0.0, 0, []
        self._url, self._stop = url, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        headers = {"content-type": "application/json"}
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30.0) as client:
            while not self._stop.is_set() or self.asked < LEAST_ASKED:
                began = time.monotonic()
                status = client.post("/rank", content=BODY, headers=headers).status_code
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.asked += 1
                if status != 200:
                    self.failures.append(status)
                time.sleep(0.01)


def test_a_whole_request_is_answered_however_it_is_split(url):
    request = whole()
    head = request.index(b"\r\n\r\n") + 3
    for splits in ([head], [1, 5, head, head + 1], list(range(1, 200, 7))):
        with closing(connected(url)) as client:
            for begin, end in zip([0, *splits], [*splits, len(request)], strict=True):
                client.sendall(request[begin:end])
                time.sleep(0.002)
            assert status_of(client) == 200


def test_pipelined_requests_are_all_answered_in_one_connection(url):
    count = 51
    last = whole(fields=b"connection: close\r\n")
    with closing(connected(url)) as client:
        client.sendall(whole() * (count - 1) + last)
        said = b""
        while more := client.recv(65_536):
            said += more
    assert said.count(b"HTTP/1.1 200 OK") == count


def test_a_head_up_to_the_cap_is_answered_and_a_longer_one_refused(url):
    long = b"x-long: " + b"a" * 7_500 + b"\r\n"
    assert answered(url, whole(fields=long)) == 200
    assert answered(url, whole(fields=b"x-long: " + b"a" * 9_000 + b"\r\n")) == 431
    assert answered(url, whole(fields=b"x-long: " + b"a" * 60_000 + b"\r\n")) == 431


def test_many_fields_are_refused(url):
    few = b"".join(b"x-%d: a\r\n" % nth for nth in range(50))
    many = b"".join(b"%d:\r\n" % nth for nth in range(150))
    flood = b"".join(b"x-%d: a\r\n" % nth for nth in range(50_000))

    assert answered(url, whole(fields=few)) == 200
    assert answered(url, whole(fields=many)) in {400, 431}
    # The rest of what was sent resets the connection, maybe before the answer was read.
    assert answered(url, whole(fields=flood)) in {400, 431, None}


@pytest.mark.parametrize(
    ("opening", "piece"),
    [
        (LINE + FIELDS + b"x-endless: ", b"a" * 65_536),
        (LINE + FIELDS, b"x-more: aaaaaaaaaaaaaaaaaaaa\r\n" * 2_000),
        (b"POST /", b"a" * 65_536),
        (LINE + FIELDS + b"transfer-encoding: chunked\r\n\r\n1\r\n \r\n0\r\nx-trailer: ", b"a" * 65_536),
    ],
    ids=["one field", "fields", "address", "trailer"],
)  # fmt: skip
def test_what_has_no_end_is_cut_and_nobody_else_waits(url, opening, piece):
    with Probe(url) as others:
        flood = flooded(url, opening, piece, 100 << 20)

    assert flood.cut
    assert flood.sent < CUT_WITHIN
    assert others.failures == []
    assert others.asked
    assert others.slowest < SOON


def test_heads_that_do_not_end_are_closed_in_time_and_nobody_else_waits(url):
    openings = [b"", b"P", LINE, LINE + b"host: slui", LINE + FIELDS, b"\r\n"]
    with Probe(url) as others, ExitStack() as stack:
        began = time.monotonic()
        clients = [
            stack.enter_context(closing(connected(url)))
            for _ in range(10)
            for _ in openings
        ]
        for client, opening in zip(clients, openings * 10, strict=True):
            client.sendall(opening)
        for client in clients:
            seconds_open(client, HEADER_SECONDS + SOON)
        took = time.monotonic() - began

    assert HEADER_SECONDS * 0.8 < took < HEADER_SECONDS + SOON
    assert others.failures == []
    assert others.slowest < SOON


@pytest.mark.parametrize("before", [b"", whole()], ids=["first", "after an answer"])
def test_a_field_now_and_then_does_not_hold_a_connection(url, before):
    with closing(connected(url)) as client:
        if before:
            client.sendall(before)
            assert status_of(client) == 200
        began = time.monotonic()
        client.sendall(LINE)
        with suppress(OSError):
            while time.monotonic() - began < HEADER_SECONDS + 2 * SOON:
                client.sendall(b"x-slow: a\r\n")
                time.sleep(0.25)
        assert time.monotonic() - began < HEADER_SECONDS + SOON


def test_a_slow_body_is_told_so_and_closed(url):
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connected(url))) for _ in range(3)]
        for client in clients:
            client.sendall(whole()[:-5])
        answers = [status_of(client) for client in clients]
        left = [seconds_open(client, SOON) for client in clients]

    assert answers == [408] * 3
    assert max(left) < SOON


def test_what_is_refused_as_too_much_keeps_its_connection(url):
    asked = {"user_id": "user1", "candidates": [f"item{nth}" for nth in range(2_000)]}
    heavy = whole(json.dumps(asked).encode())
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connected(url))) for _ in range(CROWD)]
        for client in clients:
            client.sendall(heavy)
        first = [answer_on(client) for client in clients]
        again = []
        for client in clients:
            client.sendall(whole())
            again.append(answer_on(client).status)

    assert {answer.status for answer in first} == {200, 503}
    refused = [answer for answer in first if answer.status == 503]
    assert {answer.getheader("retry-after") for answer in refused} == {"1"}
    assert again == [200] * CROWD


def test_idle_connections_keep_nobody_out(url):
    with ExitStack() as stack:
        for _ in range(1_000):
            stack.enter_context(closing(connected(url)))
        began = time.monotonic()
        assert answered(url, whole()) == 200
        assert time.monotonic() - began < SOON


@pytest.mark.faults
def test_requests_in_flight_are_finished_at_sigterm(kind):
    request = whole(fields=b"connection: close\r\n")
    with kind.start() as server, ExitStack() as stack:
        family = tree(server.pid)
        clients = [stack.enter_context(closing(connected(server.url))) for _ in range(20)]
        for client in clients:
            client.sendall(request[:-5])
        time.sleep(0.5)  # the heads are read, the app waits for the bodies
        family[0].send(signal.SIGTERM)
        time.sleep(1.0)
        for client in clients:
            client.sendall(request[-5:])
        answers = [status_of(client) for client in clients]
        gone = wait_gone(family, 20.0)
        refused = httpx.ConnectError if gone else None

    assert answers == [200] * 20
    assert gone
    assert refused
    with pytest.raises(refused):
        httpx.get(f"{server.url}/livez", trust_env=False)


@pytest.mark.faults
def test_no_worker_outlives_its_killed_supervisor(kind):
    with kind.start() as server:
        family = tree(server.pid)
        assert answered(server.url, whole()) == 200
        family[0].send(signal.SIGKILL)

        assert len(family) > 1
        assert wait_gone(family, 10.0)
