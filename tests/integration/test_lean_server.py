"""The lean server alone: several workers, and what happens when they die."""

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from sluice.child import child_command
from sluice.errors import IntegrityError, SluiceError
from sluice.serving.processes import Process, tree, wait_gone
from sluice.serving.running import free_port, serve_lean
from tests.lib.load import Load
from tests.lib.raw_http import BODY, answered, whole
from tests.lib.releases import small_release

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

BACK_WITHIN = 6.0
"""Seconds; on a free machine it is less than 2."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("lean")


@pytest.fixture(scope="module")
def released(room):
    digest = small_release(room / "releases")
    return {"SLUICE_RELEASE": str(room / "releases" / digest)}


@pytest.fixture(scope="module")
def server(room, released):
    with serve_lean(room, released, workers=2, log=room / "logs" / "serve.log") as server:
        yield server


def workers_of(pid: int) -> list[Process]:
    """Forked from the supervisor, so with its command line; the child that waited has another."""
    return [
        process
        for process in tree(pid)[1:]
        if process.alive and "waiting_child" not in command_of(process.pid)
    ]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


def killed_and_back(server) -> float:
    """Kill a worker; seconds until two listen again, one of them new."""
    port = httpx.URL(server.url).port
    before = both_listening(port)
    began = time.monotonic()
    workers_of(server.pid)[0].send(signal.SIGKILL)
    both_listening(port, other_than=before)
    return time.monotonic() - began


def both_listening(port: int, other_than: frozenset[str] = frozenset()) -> frozenset[str]:
    """The sockets of two workers, once there are two and not the same."""
    until = time.monotonic() + 3 * BACK_WITHIN
    while time.monotonic() < until:
        now = listening(port)
        if len(now) == 2 and now != other_than:
            return now
        time.sleep(0.01)
    raise AssertionError("there are not two workers that listen")


def listening(port: int) -> frozenset[str]:
    """Inodes of the sockets that accept connections on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return frozenset(
        row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")
    )


@pytest.mark.faults
def test_a_killed_worker_is_back_soon_and_hardly_a_request_fails(server):
    with Load(server.url) as load:
        time.sleep(1.0)
        seconds = killed_and_back(server)
        time.sleep(1.0)

    assert len(workers_of(server.pid)) == 2
    assert seconds < BACK_WITHIN
    assert load.answered > 100
    assert load.failed <= 0.01 * (load.answered + load.failed)


@pytest.mark.faults
def test_a_worker_that_is_killed_again_and_again_does_not_end_the_service(server):
    for _ in range(4):
        killed_and_back(server)

    assert len(workers_of(server.pid)) == 2
    assert [answered(server.url, whole()) for _ in range(20)] == [200] * 20


def test_all_workers_give_the_same_answer(server):
    both_listening(httpx.URL(server.url).port)
    headers = {"content-type": "application/json"}
    answers = {
        str(httpx.post(f"{server.url}/rank", content=BODY, headers=headers).json()["items"])
        for _ in range(30)
    }

    assert len(answers) == 1


def test_what_serving_does_not_use_is_in_none_of_its_processes(server):
    for process in (*tree(server.pid)[:1], *workers_of(server.pid)):
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert "lib_lightgbm" in loaded
        assert "site-packages/sklearn" not in loaded
        assert "site-packages/pandas" not in loaded


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [0.2, 1.5, 3.0])
def test_a_server_that_is_asked_to_stop_while_it_starts_stops(room, released, seconds):
    process = subprocess.Popen(
        child_command(
            "sluice.serving.supervisor", "--port", str(free_port()), "--workers", "2"
        ),
        env={**os.environ, **released, "SLUICE_HOME": str(room)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    family = tree(process.pid)
    process.terminate()
    process.wait(timeout=30)

    assert wait_gone(family, 30)


def test_a_release_that_is_refused_is_told_with_its_reason(room, released, tmp_path):
    wrong = {**released, "SLUICE_RELEASE_DIGEST": "0" * 64}
    with (
        pytest.raises(IntegrityError, match="refused its release"),
        serve_lean(tmp_path, wrong),
    ):
        pytest.fail("it serves what it should not")


def test_a_worker_that_cannot_start_ends_the_server_with_its_reason(tmp_path):
    with (
        pytest.raises(SluiceError, match="set SLUICE_RELEASE to a release folder"),
        serve_lean(tmp_path, {}),
    ):
        pytest.fail("it serves nothing")
