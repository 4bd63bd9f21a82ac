"""Every flow is killed where it writes, and while it packages and replays; run again, it converges."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.serving.processes import Process, tree, wait_gone
from tests.lib.installations import (
    Done,
    Installation,
    arrivals,
    empty_installation,
    files,
    records,
    small_installation,
)
from tests.lib.story import FIRST, SECOND, approval, left_in

pytestmark = [pytest.mark.faults]

EVERY = int(os.environ.get("FAULTS_EVERY", "45"))
"""Every so-many-th write kills; 1 takes them all, in a quarter of an hour."""
KILLED = -signal.SIGKILL
Kill = Callable[[int, int], None]
DOOMED = "tests.lib.doomed"
"""The command line, killed at its writes."""


def through_kills(installation: Installation, seen: Path, *arguments: str) -> int:
    """Run the command until it ends by itself, killed at write after write; returns the kills."""
    kills, done = killed_until_done(installation, seen, *arguments)
    assert done.code == 0, f"after {last(seen)}: {done.err or done.out}"
    return kills


def killed_until_done(
    installation: Installation,
    seen: Path,
    *arguments: str,
    program: str = DOOMED,
    every: int = EVERY,
) -> tuple[int, Done]:
    """The kills, and how the command ended when nothing killed it any more."""
    watched = (program, str(seen), str(every))
    kills = 0
    while (
        done := installation.sluice(*arguments, "--json", program=watched)
    ).code == KILLED:
        kills += 1
    return kills, done


def last(seen: Path) -> str:
    return seen.read_text().splitlines()[-1]


@pytest.fixture(scope="module")
def survivor(tmp_path_factory, prefect_url):
    return survive(tmp_path_factory.mktemp("survivor"), prefect_url)


def survive(folder: Path, prefect_url: str) -> tuple[Installation, list[int], int]:
    """An installation whose every command was killed at many writes before it could end.

    Returns it with the kills by command, and how many writes there were.
    """
    installation = small_installation(folder, PREFECT_API_URL=prefect_url)
    seen = folder / "seen"
    kills = [
        through_kills(installation, seen, "run", "lifecycle", "for_you", "--until", FIRST),
    ]
    waiting = installation.must("review", "list", "for_you")
    approving = ("review", "approve", "for_you", "1", *approval(waiting))
    kills.append(through_kills(installation, seen, *approving))
    kills.append(through_kills(installation, seen, "run", "promote", "for_you"))
    kills.append(
        through_kills(installation, seen, "run", "monitor", "for_you", "--until", SECOND)
    )
    return installation, kills, len(seen.read_text().splitlines())


def test_flows_killed_at_their_writes_converge_to_the_undisturbed_run(survivor, story):
    installation, kills, writes = survivor
    left = left_in(installation)

    assert sum(kills) == writes // EVERY
    assert sum(kills) > 100 // EVERY
    assert left.files == story.left.files
    assert left.steps == story.left.steps
    assert left.verdicts == story.left.verdicts
    assert left.ledger == story.left.ledger
    assert left.points == story.left.points
    assert left == story.left


def test_the_ledger_of_what_was_killed_verifies(survivor):
    installation, _, _ = survivor

    assert installation.must("audit", "verify")["problems"] == []


def ingested_through_kills(
    folder: Path, program: str = DOOMED, every: int = EVERY
) -> tuple[int, str]:
    """Ingest, killed at write after write: the kills, and what is wrong with the log it leaves."""
    undisturbed, killed = (empty_installation(folder / name) for name in ("one", "other"))
    written = undisturbed.must("ingest", "feed")
    kills, done = killed_until_done(
        killed, folder / "seen", "ingest", "feed", program=program, every=every
    )
    again = done if done.code else killed.sluice("ingest", "feed", "--json")
    if again.code:
        return kills, f"an ingest after it fails: {again.out or again.err}"
    whole = sum(written[table] for table in ("exposures", "feedback", "items"))
    if again.json["skipped"] != whole:
        return kills, f"{again.json['skipped']} of {whole} rows are there"
    left, right = ((files(one, "log"), arrivals(one)) for one in (killed, undisturbed))
    return kills, "" if left == right else "the log is another than the undisturbed one"


def test_an_ingest_killed_at_its_writes_leaves_the_undisturbed_log(tmp_path):
    kills, wrong = ingested_through_kills(tmp_path)

    assert kills > 20 // EVERY
    assert wrong == ""


def test_the_harness_finds_an_ingest_that_writes_in_place(tmp_path):
    kills, wrong = ingested_through_kills(tmp_path, "tests.lib.torn")

    assert kills
    assert wrong


MOMENTS = (
    # a process that works then, how long it does before the kill, and what is killed
    ("sluice.flows.prefect_server", 0.0, os.kill),
    ("sluice.flows.prefect_server", 2.0, os.killpg),
    ("serving package", 2.0, os.kill),
    ("bentoml build", 1.0, os.killpg),
    ("sluice.serving.sandbox", 0.5, os.kill),
    ("bentoml serve", 0.0, os.killpg),
    ("_bentoml_impl.worker", 0.0, os.killpg),
    ("_bentoml_impl.worker", 1.5, os.kill),
    ("_bentoml_impl.worker", 4.0, os.killpg),
)
"""A Bento has a session of its own: a kill of the command's whole group does not reach it."""
GONE_SECONDS = 6.0
"""For a Bento to end in peace; a replay that goes on takes longer."""


@pytest.fixture(scope="module")
def orphaned(tmp_path_factory, prefect_url):
    """A package flow whose main process alone is killed, at one moment after the other."""
    installation = small_installation(tmp_path_factory.mktemp("orphaned"))
    quick = replace(installation, environ={"PREFECT_API_URL": prefect_url})
    quick.must("run", "validate", "for_you", "--until", FIRST)
    quick.must("run", "retrain", "for_you")
    left = {}
    for moment in MOMENTS:
        started = installation if moment[0] == "sluice.flows.prefect_server" else quick
        left[moment] = killed_during(started, *moment, "run", "package", "for_you")
    return quick, left


def killed_during(
    installation: Installation, name: str, seconds: float, kill: Kill, *arguments: str
) -> tuple[str, ...]:
    """Kill the command so long after one of its children began; commands of those that stay."""
    process = installation.start(*arguments)
    try:
        while not (family := working(process.pid, name)):
            assert process.poll() is None, f"ended before {name}: {process.communicate()}"
            time.sleep(0.01)
        time.sleep(seconds)
        family = {**family, **commands(process.pid)}
    finally:
        kill(process.pid, signal.SIGKILL)
        process.communicate()
    wait_gone(family, GONE_SECONDS)
    return tuple(command for each, command in family.items() if each.alive)


def working(pid: int, name: str) -> dict[Process, str]:
    family = commands(pid)
    return family if any(name in command for command in family.values()) else {}


def commands(pid: int) -> dict[Process, str]:
    """The processes below `pid` with their command lines."""
    return {each: command for each in tree(pid) if (command := command_of(each.pid))}


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_no_server_outlives_the_command_that_started_it(orphaned):
    _, left = orphaned

    assert left == dict.fromkeys(MOMENTS, ())


def test_a_package_flow_killed_at_any_moment_converges(orphaned, story):
    installation, _ = orphaned
    packaged = installation.must("run", "package", "for_you", "--version", "1")
    stored = records(installation)

    assert packaged["release"] == story.submitted["package"]["release"]
    assert files(installation, "releases") == {
        path: digest
        for path, digest in story.left.files.items()
        if path.startswith("releases/")
    }
    assert [each.action for each in stored["LedgerRow"]] == [
        "register", "gate", "package", "submit",
    ]  # fmt: skip
    assert len(stored["Verdict"]) == 4
