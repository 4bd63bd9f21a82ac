"""What the processes of a server share when they start: limits, addresses, trials, a child."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sluice.data.files import Files
from sluice.errors import ConfigError, IntegrityError
from sluice.serving.address import Address
from sluice.serving.head_limits import HEADER_SECONDS, HeadLimits, head_limits
from sluice.serving.processes import tree, wait_gone
from sluice.serving.sandbox import DEFAULT_LIMITS, Limits, environment, score_in_child
from sluice.serving.trials import TRIALS, shared_trials, try_once
from sluice.serving.waiting_child import WAITING, WaitingChild

DIGEST = "a" * 64


def test_a_head_has_eight_kilobytes_and_ten_seconds_unless_the_environment_says_otherwise():
    assert head_limits({}) == HeadLimits(bytes=8192, seconds=10.0, fields=100)
    assert head_limits({HEADER_SECONDS: "0.5"}).milliseconds == 500


@pytest.mark.parametrize("wrong", ["", "soon", "nan", "0", "-1", "61", "inf"])
def test_a_time_for_heads_that_is_none_is_refused(wrong):
    with pytest.raises(ConfigError, match=HEADER_SECONDS):
        head_limits({HEADER_SECONDS: wrong})


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:80"),
        ("127.3.2.1", True, "http://127.3.2.1:80"),
        ("::1", True, "http://[::1]:80"),
        ("0.0.0.0", False, "http://127.0.0.1:80"),
        ("::", False, "http://[::1]:80"),
        ("10.0.0.7", False, "http://10.0.0.7:80"),
    ],
)
def test_an_address_says_who_reaches_it_and_where_this_machine_asks(host, loopback, url):
    assert Address(host, 80).loopback is loopback
    assert Address(host, 80).local_url == url


@pytest.mark.parametrize("host", ["", "localhost", "example.org", "127.0.0.1:80", "1.2.3"])
def test_a_name_is_no_address_to_listen_on(host):
    with pytest.raises(ConfigError, match="must be an IP address"):
        Address(host, 80)


def test_a_trial_is_run_each_time_where_nobody_shares_it(monkeypatch):
    monkeypatch.delenv(TRIALS, raising=False)
    runs = []
    for _ in range(3):
        try_once(DIGEST, lambda: runs.append(1))

    assert len(runs) == 3


def test_a_shared_trial_is_run_once_for_each_digest_until_it_passes(monkeypatch):
    monkeypatch.setenv(TRIALS, "")
    runs = []

    def refuse():
        runs.append("refused")
        raise IntegrityError("no")

    with shared_trials():
        for _ in range(2):
            with pytest.raises(IntegrityError):
                try_once(DIGEST, refuse)
        for digest in (DIGEST, DIGEST, "b" * 64):
            try_once(digest, lambda: runs.append("passed"))

    assert runs == ["refused", "refused", "passed", "passed"]


def test_who_comes_while_a_trial_runs_waits_for_its_end(monkeypatch):
    monkeypatch.setenv(TRIALS, "")
    began, may_end, runs = threading.Event(), threading.Event(), []

    def slow():
        runs.append("first")
        began.set()
        assert may_end.wait(10)

    with shared_trials():
        first = threading.Thread(target=try_once, args=(DIGEST, slow))
        first.start()
        assert began.wait(10)
        second = threading.Thread(
            target=try_once, args=(DIGEST, lambda: runs.append("second"))
        )
        second.start()
        second.join(0.2)
        waited = second.is_alive()
        may_end.set()
        first.join(10)
        second.join(10)

    assert waited
    assert runs == ["first"]


def test_the_folder_of_shared_trials_is_ours_alone_and_gone_afterwards(monkeypatch):
    monkeypatch.setenv(TRIALS, "")
    with shared_trials():
        folder = Path(os.environ[TRIALS])
        assert folder.stat().st_mode & 0o077 == 0

    assert not folder.exists()


@pytest.fixture
def waiting(monkeypatch):
    monkeypatch.setenv(WAITING, "")
    child = WaitingChild.start(environment())
    child.offer()
    yield child
    os.close(child.channel)
    os.close(child.turn)
    assert wait_gone(tree(child.pid), 90)


def test_the_waiting_child_gives_the_scores_that_a_child_of_its_own_gives(release, waiting):
    family = {process.pid for process in tree(os.getpid())}
    first = score_in_child(Files.of(release), DEFAULT_LIMITS)
    taken = waiting.take()
    second = score_in_child(Files.of(release), DEFAULT_LIMITS)

    assert first == second
    assert taken is None  # by the first
    assert waiting.pid in family


def test_a_waiting_child_that_dies_costs_only_another_child(release, waiting):
    os.kill(waiting.pid, 9)

    assert score_in_child(Files.of(release), DEFAULT_LIMITS)


def test_the_waiting_child_refuses_with_the_same_words(release, waiting):
    (release / "state" / "state.json").write_text("{}")
    with pytest.raises(IntegrityError) as first:
        score_in_child(Files.of(release), DEFAULT_LIMITS)
    with pytest.raises(IntegrityError) as second:
        score_in_child(Files.of(release), DEFAULT_LIMITS)

    assert str(first.value) == str(second.value)
    assert waiting.take() is None


def test_the_waiting_child_is_held_to_its_time(release, waiting):
    with pytest.raises(IntegrityError, match=r"did not end in 0\.01 s"):
        score_in_child(Files.of(release), Limits(wall_seconds=0.01))


def test_nobody_else_finds_the_waiting_child(monkeypatch):
    monkeypatch.setenv(WAITING, f"{os.getpid() + 1_000_000} 1 2 3")
    assert WaitingChild.offered() is None


def test_a_child_that_nobody_takes_ends_with_who_started_it():
    script = (
        "from sluice.serving.waiting_child import WaitingChild; from sluice.serving.sandbox import environment;"
        "print(WaitingChild.start(environment()).pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert wait_gone(tree(int(done.stdout)), 90)


def test_what_serving_does_not_use_is_as_if_it_were_not_installed():
    script = (
        "from sluice.serving.light_imports import *; hide_unasked(); import_ahead(NEEDED + WORKER);"
        "load_kernels(); import sys; print([name for name in UNASKED if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert io.StringIO(done.stdout).readlines()[-1].strip() == "[]"
