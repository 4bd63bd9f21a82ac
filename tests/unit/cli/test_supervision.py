"""Servers under supervisord; Python's own small one stands for each."""

import json
import os
import signal
import time

import httpx
import pytest

from sluice.cli.programs import Program
from sluice.cli.supervision import Running, Supervisor
from sluice.serving.processes import tree, wait_gone
from tests.unit.cli.test_programs import free, server

SECONDS = 30.0


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(tmp_path / "house", tmp_path / "logs")
    yield supervisor
    supervisor.stop()


def answered(program) -> bool:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            return httpx.get(program.url, trust_env=False).is_success
        except httpx.TransportError:
            time.sleep(0.05)
    return False


def running(supervisor) -> dict[str, int]:
    """Pid of each program that runs, once all do."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        programs = supervisor.programs()
        if programs and all(each.state is Running.RUNNING for each in programs):
            return {each.name: each.pid for each in programs}
        time.sleep(0.1)
    raise TimeoutError(programs)


def test_odd_values_reach_a_program_as_they_are(supervisor, tmp_path):
    odd = 'a "quoted" 100 % value, with = and ; and \\'
    written = tmp_path / "written 50%"
    program = Program(
        "one", "tests.lib.writing", (str(written), "x y;%"), None, "", {"ODD": odd}
    )
    supervisor.start([program], os.environ)
    until = time.monotonic() + SECONDS
    while not written.exists() and time.monotonic() < until:
        time.sleep(0.1)

    assert json.loads(written.read_text()) == ["x y;%", odd]


def test_what_is_killed_comes_back_and_a_stop_leaves_nothing(supervisor):
    one, two = server(), server("two")
    supervisor.start([one, two], os.environ)
    assert answered(one)
    assert answered(two)
    before = running(supervisor)
    os.kill(tree(before["one"])[-1].pid, signal.SIGKILL)
    until = time.monotonic() + SECONDS
    while running(supervisor)["one"] == before["one"] and time.monotonic() < until:
        time.sleep(0.1)
    family = [each for pid in running(supervisor).values() for each in tree(pid)]

    assert answered(one)
    assert running(supervisor)["two"] == before["two"]
    assert supervisor.stop()
    assert wait_gone(family, 10)
    assert supervisor.programs() == ()
    assert not supervisor.stop()


def test_workers_of_a_killed_server_do_not_keep_its_port(supervisor):
    port = free()
    forking = Program("forking", "tests.lib.forking_server", (str(port),), port, "/")
    supervisor.start([forking], os.environ)
    assert answered(forking)
    before = running(supervisor)["forking"]
    os.kill(tree(before)[1].pid, signal.SIGKILL)
    until = time.monotonic() + SECONDS
    while running(supervisor)["forking"] == before and time.monotonic() < until:
        time.sleep(0.1)

    assert answered(forking)


def test_a_second_start_changes_only_what_changed(supervisor):
    one, two, three = server(), server("two"), server("three")
    supervisor.start([one, two], os.environ)
    before = running(supervisor)
    supervisor.start([one, three], os.environ)
    after = running(supervisor)

    assert after.keys() == {"one", "three"}
    assert after["one"] == before["one"]
    assert answered(three)


def test_nothing_outlives_a_killed_supervisor(supervisor):
    one = server()
    supervisor.start([one], os.environ)
    assert answered(one)
    pid = supervisor.pid
    assert pid is not None
    family = tree(pid)
    os.kill(pid, signal.SIGKILL)

    assert wait_gone(family, 15)
    assert supervisor.programs() == ()
