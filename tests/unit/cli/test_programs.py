"""Servers that are started, watched and stopped together; Python's own small one stands for each."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import httpx
import pytest

from sluice.cli.programs import (
    HOST,
    Program,
    await_ready,
    choose_port,
    running,
    until_stopped,
    watch,
)
from sluice.errors import ConfigError, SluiceError
from sluice.serving.processes import session, tree, wait_gone

OWNER = """
import os, sys
from pathlib import Path
from sluice.cli.programs import Program, await_ready, running, watch
program = Program("one", "http.server", (sys.argv[1], "--bind", "127.0.0.1"), int(sys.argv[1]), "/")
with running([program], os.environ, Path(sys.argv[2])) as started:
    await_ready(started)
    print(started[0].process.pid, flush=True)
    watch(started)
"""


def taken():
    """A port with a listener."""
    listener = socket.create_server((HOST, 0))
    return listener, listener.getsockname()[1]


def free():
    listener, port = taken()
    listener.close()
    return port


def server(name="one", health="/", port=None):
    port = port or free()
    return Program(name, "http.server", (str(port), "--bind", HOST), port, health)


def started(*programs, logs):
    return running(programs, os.environ, logs)


def test_programs_answer_while_the_block_lasts_and_are_gone_after_it(tmp_path):
    one, two = server(), server("two")
    with started(one, two, logs=tmp_path / "logs") as processes:
        await_ready(processes)
        answers = [httpx.get(each.url, trust_env=False).status_code for each in (one, two)]
        family = [member for each in processes for member in tree(each.process.pid)]

    assert answers == [200, 200]
    assert not any(member.alive for member in family)
    assert (tmp_path / "logs" / "one.log").is_file()


def test_one_that_ends_ends_the_watching_and_names_its_log(tmp_path):
    with started(server(), server("two"), logs=tmp_path) as processes:
        await_ready(processes)
        processes[1].process.kill()
        with pytest.raises(
            SluiceError, match=r"two ended with exit code -9; .*two\.log ends"
        ):
            watch(processes)


def test_one_that_cannot_start_is_told_at_once(tmp_path):
    listener, port = taken()
    said = pytest.raises(
        SluiceError, match=r"one ended with exit code 1; .*Address already in use"
    )
    with closing(listener), said, started(server(port=port), logs=tmp_path) as processes:
        await_ready(processes)


def test_a_worker_whose_server_was_killed_is_ended_too(tmp_path):
    forking = Program("forking", "tests.lib.forking", (), free(), "/")
    with running([forking], os.environ, tmp_path) as (process,):
        while len(session(process.process.pid)) < 2:
            process.ensure_alive()
        family = session(process.process.pid)
        process.process.kill()

    assert not any(member.alive for member in family)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_process_that_started_it(tmp_path, number):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(free()), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout
        family = tree(int(owner.stdout.readline()))
        owner.send_signal(number)

    assert family
    assert wait_gone(family, 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_block_quietly_and_through_its_finally(number):
    left = []
    before = signal.getsignal(number)
    with until_stopped():
        try:
            signal.raise_signal(number)
            left.append("went on")
        finally:
            left.append("finally")

    assert left == ["finally"]
    assert signal.getsignal(number) is before


def test_a_free_port_is_taken_as_it_is():
    port = free()

    assert choose_port("mlflow", None, port) == choose_port("mlflow", port, 1) == port


def test_a_usual_port_that_is_taken_gives_the_next_that_is_free():
    listener, port = taken()
    with closing(listener):
        found = choose_port("mlflow", None, port)

    assert port < found < port + 50


def test_a_port_chosen_by_another_command_is_passed_over():
    port = free()
    choosing = (
        "from sluice.cli.programs import choose_port; "
        f"print(choose_port('mlflow', None, {port}), flush=True); input()"
    )
    command = [sys.executable, "-c", choosing]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        theirs = int(other.stdout.readline())
        ours = choose_port("mlflow", None, theirs)
        other.communicate(b"\n")

    assert theirs < ours < theirs + 50
    assert choose_port("mlflow", None, theirs) == theirs


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_was_asked_for_and_is_taken_is_refused(address):
    with closing(socket.create_server((address, 0))) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"port {port} for mlflow is taken .* is free"
        ):
            choose_port("mlflow", port, 5000)
