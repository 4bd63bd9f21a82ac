"""`sluice serve` and `sluice doctor` where the bytes of a release are not what they were."""

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from sluice.serving.processes import tree, wait_gone
from sluice.serving.running import free_port
from tests.lib.copied_home import copied
from tests.lib.installations import Installation

pytestmark = [pytest.mark.integration]


@pytest.fixture
def installation(story, tmp_path) -> Installation:
    """A copy of a finished first lifecycle, to be damaged."""
    home = tmp_path / "home"
    copied(story.installation.home, home)
    return replace(story.installation, home=home)


def champion(installation: Installation) -> dict:
    return json.loads((installation.home / "serving" / "for_you.json").read_text())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def released(installation: Installation) -> Path:
    return (
        installation.home
        / "releases"
        / champion(installation)["release"]
        / "model/model.txt"
    )


def served(installation: Installation, *arguments: str):
    port = free_port()
    process = installation.start(
        "serve", "for_you", "--port", str(port), "--json", *arguments
    )
    assert process.stdout
    said = ""
    while not said.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said += line
    return process, json.loads(said)["url"]


def ask(url: str) -> dict:
    body = {"user_id": "u1", "candidates": ["i1", "i2"]}
    return httpx.post(f"{url}/rank", json=body, trust_env=False).raise_for_status().json()


def test_a_flipped_bit_is_refused_before_anything_is_served(installation):
    flip(released(installation))
    done = installation.sluice("serve", "for_you", "--port", "3939", "--json")

    assert done.code == 5
    assert done.json["kind"] == "IntegrityError"
    assert "'model/model.txt' has the digest" in done.json["error"]


def test_doctor_names_the_champion_whose_bytes_changed(installation):
    flip(released(installation))
    done = installation.sluice("doctor", "--json")

    assert done.code == 2
    assert [
        each["check"] for each in done.json["findings"] if each["verdict"] == "fail"
    ] == ["champion for_you"]


def test_a_running_server_keeps_the_old_release_where_the_new_one_is_damaged(installation):
    process, url = served(installation)
    old = ask(url)["release"]
    pointer = champion(installation)
    damaged = "0" * 64
    shutil.copytree(
        installation.home / "releases" / old, installation.home / "releases" / damaged
    )
    path = installation.home / "serving" / "for_you.json"
    moved = {**pointer, "release": damaged, "epoch": pointer["epoch"] + 1}
    path.with_suffix(".new").write_text(json.dumps(moved))
    path.with_suffix(".new").replace(path)
    until = time.monotonic() + 30
    ready = {}
    while time.monotonic() < until and "refused" not in ready:
        ready = httpx.get(f"{url}/readyz", trust_env=False).json()
        time.sleep(0.2)
    answer = ask(url)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert answer["release"] == ready["release"] == old
    assert ready["refused"]["code"] == "pointer"
    assert damaged not in str(ready["refused"])
    assert "stays in service" in (installation.home / "logs" / "serve.log").read_text()


def test_a_server_that_was_killed_is_told(installation):
    process, _ = served(installation)
    _, supervisor, *_ = tree(process.pid)
    os.kill(supervisor.pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "the service ended" in json.loads(said)["error"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--host", "0.0.0.0"), "without tokens, because anybody could ask"),
        (("--host", "::"), "without tokens, because anybody could ask"),
        (("--host", "localhost"), "must be an IP address"),
    ],
)
def test_nobody_is_let_in_from_outside_without_tokens(installation, arguments, why):
    done = installation.sluice("serve", "for_you", "--json", *arguments)

    assert done.code == 2
    assert why in done.json["error"]


def test_a_surface_without_a_champion_is_not_served(installation):
    (installation.home / "serving" / "for_you.json").unlink()
    done = installation.sluice("serve", "for_you", "--json")

    assert (done.code, done.json["kind"]) == (2, "NotFound")
    assert "no pointer to the champion" in done.json["error"]


def test_two_workers_answer_and_neither_imports_bentoml(installation):
    process, url = served(installation, "--workers", "2")
    family = tree(process.pid)
    commands = [Path(f"/proc/{one.pid}/cmdline").read_text() for one in family if one.alive]
    answers = {ask(url)["release"] for _ in range(20)}
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert answers == {champion(installation)["release"]}
    assert not any("bentoml" in command for command in commands)
    assert not any(one.alive for one in family)


def test_a_command_that_was_killed_leaves_no_server(installation):
    process, _ = served(installation)
    family = tree(process.pid)
    process.kill()
    process.communicate(timeout=60)

    assert len(family) > 2
    assert wait_gone(family, 30)
