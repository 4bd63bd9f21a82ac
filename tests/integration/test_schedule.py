"""A surface's own times, served over a real Prefect: what was promoted is confirmed by nobody's hand."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sluice.errors import UserError
from sluice.serving.processes import tree, wait_gone
from sluice.store.records import State
from tests.lib.copied_home import copied
from tests.lib.installations import Installation, day, records, small_installation
from tests.lib.opened_ui import Open, started
from tests.lib.story import approval

# One worker, in this order: each test goes on where the one before it left the installation.
pytestmark = [pytest.mark.integration]

THIRD = day(5)
MINUTELY = '[schedule]\ncron = "0 3 1 1 *"\nmonitor = "* * * * *"\nparity = "15 2 1 1 *"\n'
SECONDS = 240


@pytest.fixture(scope="module")
def installation(story, second, day_later, prefect_url, tmp_path_factory) -> Installation:
    """A copy in which version 1 is champion, and version 2 of a day later is provisional."""
    assert second["retrain"]["version"] == 2
    folder = tmp_path_factory.mktemp("scheduled")
    copied(day_later, folder / "home")
    shutil.copytree(story.installation.surfaces, folder / "surfaces")
    with (folder / "surfaces" / "for_you.toml").open("a") as declared:
        declared.write(MINUTELY)
    copy = replace(
        story.installation, home=folder / "home", surfaces=folder / "surfaces",
        environ={"PREFECT_API_URL": prefect_url},
    )  # fmt: skip
    promoted = approved(copy, 2) and copy.must("run", "promote", "for_you")
    assert promoted["state"] == State.CHAMPION_PROVISIONAL
    return copy


def approved(installation: Installation, version: int) -> dict[str, Any]:
    waiting = installation.must("review", "list", "for_you")
    return installation.must(
        "review", "approve", "for_you", str(version), *approval(waiting)
    )


def champion(installation: Installation) -> dict[str, Any]:
    return installation.must("champion", "show", "for_you")


def moves(installation: Installation) -> list[tuple[int, str]]:
    ledger = records(installation)["LedgerRow"]
    return [
        (row.version, row.action)
        for row in ledger
        if row.action in {"promote", "confirm", "rollback"}
    ]


def test_before_a_lifecycle_promotes_it_confirms_the_champion_that_has_baked(installation):
    lifecycle = ("run", "lifecycle", "for_you", "--until", THIRD)
    submitted = installation.must(*lifecycle)
    assert submitted["package"]["state"] == State.IN_REVIEW
    assert "monitor" not in submitted
    approved(installation, 3)
    promoted = installation.must(*lifecycle)

    assert promoted["monitor"]["state"] == State.CHAMPION
    assert moves(installation)[-3:] == [(2, "promote"), (2, "confirm"), (3, "promote")]
    (stored,) = records(installation)["Champion"]
    assert (stored.version, stored.last_good_version) == (3, 2)
    assert "monitor" not in installation.must(*lifecycle)


def test_a_scheduled_monitor_is_skipped_until_there_is_a_champion(prefect_url, tmp_path):
    """By hand the same is an error; what is wrong with an installation fails on a schedule too."""
    before = small_installation(tmp_path, PREFECT_API_URL=prefect_url)

    assert due(before, "for_you") == (
        "COMPLETED", "Skipped", "for_you has no champion to watch; promote a version first",
    )  # fmt: skip
    assert due(before, "news")[0] == "FAILED"
    by_hand = before.sluice("run", "monitor", "for_you")
    assert by_hand.code == UserError.exit_code
    assert "for_you has no champion to watch" in by_hand.err


WHEN_DUE = """
import sys
from sluice.flows.schedule import monitor_due
state = monitor_due(sys.argv[1], return_state=True)
print(state.type.value, state.name, state.message, sep="|")
"""


def due(installation: Installation, surface: str) -> tuple[str, ...]:
    """How the run ends that a schedule starts: type, name and message of its state."""
    done = subprocess.run(
        [sys.executable, "-c", WHEN_DUE, surface],
        env={**installation.variables(), "SLUICE_HOME": str(installation.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(done.stdout.strip().split("|"))


@pytest.fixture(scope="module")
def prefect(installation) -> Iterator[Open]:
    """With a scheduler, which the API of a single command does not have."""
    opened = started(installation)
    yield opened
    os.kill(opened.process.pid, signal.SIGTERM)
    opened.process.communicate(timeout=60)


@contextmanager
def signed_in(prefect: Open) -> Iterator[httpx.Client]:
    api = f"{prefect.urls['prefect']}/api"
    with httpx.Client(
        base_url=api, auth=prefect.prefect_auth, trust_env=False, timeout=60
    ) as client:
        token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
        client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"})
        yield client


def asked(prefect: Open, kind: str) -> list[dict[str, Any]]:
    with signed_in(prefect) as client:
        return client.post(f"/{kind}/filter", json={}).json()


def rewritten(prefect: Open, flow: str) -> str:
    """Have a deployment run other code, as who has the credential can; returns its id."""
    (row,) = (
        each
        for each in asked(prefect, "deployments")
        if each["entrypoint"] == f"sluice.flows.schedule.{flow}_due"
    )
    script = {"script": f"touch {prefect.home}/pwned"}
    with signed_in(prefect) as client:
        client.patch(
            f"/deployments/{row['id']}",
            json={
                "entrypoint": f"pwn.py:{flow}",
                "pull_steps": [{"prefect.deployments.steps.run_shell_script": script}],
            },
        ).raise_for_status()
    return row["id"]


def run_of(deployment: str, prefect: Open) -> dict[str, Any]:
    """How a run of it ends that is due at once."""
    until = time.monotonic() + SECONDS
    due_now = {"state": {"type": "SCHEDULED"}}
    with signed_in(prefect) as client:
        while (
            run := client.post(f"/deployments/{deployment}/create_flow_run", json=due_now)
        ).is_server_error:
            # Prefect answers 503 while another of its services holds its database for long.
            assert time.monotonic() < until, run.text
            time.sleep(0.5)
        run = run.raise_for_status().json()
        while time.monotonic() < until:
            state = client.get(f"/flow_runs/{run['id']}").json()["state"]
            if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return state
            time.sleep(0.5)
    raise TimeoutError(state)


def test_one_process_serves_both_and_the_monitor_confirms(installation, prefect):
    assert champion(installation)["state"] == State.CHAMPION_PROVISIONAL
    api = f"{prefect.urls['prefect']}/api"
    kept = replace(installation, environ={"PREFECT_API_URL": api})
    served = kept.start("run", "lifecycle", "for_you", "--schedule")
    family = tree(served.pid)
    until = time.monotonic() + SECONDS
    while (3, "confirm") not in moves(installation) and time.monotonic() < until:
        assert served.poll() is None, served.communicate()
        time.sleep(1)
    declared = {
        each["entrypoint"]: (
            each["name"],
            each["schedules"][0]["schedule"]["cron"],
            each["global_concurrency_limit"]["limit"],
        )
        for each in asked(prefect, "deployments")
    }
    refused = run_of(rewritten(prefect, "parity"), prefect)
    family = (*family, *tree(served.pid))
    commands = [
        Path(f"/proc/{pid}/cmdline").read_bytes()
        for root in (served.pid, prefect.process.pid)
        for pid in (root, *(each.pid for each in tree(root)))
    ]
    served.send_signal(signal.SIGTERM)
    out, _ = served.communicate(timeout=60)

    secret = prefect.prefect_auth[1].encode()
    assert len(commands) > 4
    assert [each for each in commands if secret in each] == []
    assert refused["type"] == "FAILED"
    assert (
        "changed in Prefect: the entrypoint is not sluice.flows.schedule.parity_due, it has pull"
        in refused["message"]
    )
    assert not (installation.home / "pwned").exists()
    assert moves(installation)[-1] == (3, "confirm")
    assert champion(installation)["state"] == State.CHAMPION
    assert declared == {
        "sluice.flows.schedule.lifecycle_due": ("for_you", "0 3 1 1 *", 1),
        "sluice.flows.schedule.monitor_due": ("for_you", "* * * * *", 1),
        "sluice.flows.schedule.parity_due": ("for_you", "15 2 1 1 *", 1),
        "sluice.flows.schedule.canary_due": ("for_you", "*/15 * * * *", 1),
    }
    assert out.startswith(
        "for_you: lifecycle at 0 3 1 1 *, monitor at * * * * *, parity at 15 2 1 1 *, "
        "canary at */15 * * * * UTC"
    )
    assert wait_gone(family, 30)
