"""`sluice doctor` where nothing was run yet: what is fit, and what is not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lib.installations import Installation, empty_installation


@pytest.fixture
def installation(tmp_path) -> Installation:
    return empty_installation(tmp_path)


def verdicts(done):
    return {
        each["check"]: (each["verdict"], each["found"]) for each in done.json["findings"]
    }


def test_a_fresh_installation_is_fit(installation):
    done = installation.sluice("doctor", "--json")
    found = verdicts(done)

    assert done.code == 0, done.err
    assert {verdict for verdict, _ in found.values()} == {"pass"}
    assert {
        "python",
        "mlflow",
        "prefect",
        "home",
        "surface for_you",
        "store",
    } <= found.keys()
    assert not installation.home.exists()


def test_a_surface_that_cannot_be_obeyed_is_named(installation):
    (installation.surfaces / "search.toml").write_text('name = "search"\nowner = 3\n')
    done = installation.sluice("doctor")

    assert done.code == 2
    assert "surface search" in done.out
    assert "not fit to run: surface search" in done.err


def test_a_store_that_is_no_database_is_told_without_a_traceback(installation):
    installation.home.mkdir()
    (installation.home / "sluice.db").write_bytes(os.urandom(4096))
    done = installation.sluice("doctor", "--json")

    assert done.code == 2
    assert verdicts(done)["store"][0] == "fail"
    assert "file is not a database" in verdicts(done)["store"][1]
    assert done.err == ""


def test_a_home_that_has_no_room_is_told(installation):
    # /proc has no free byte on any machine.
    done = replace(installation, home=Path("/proc/home")).sluice("doctor", "--json")

    assert done.code == 2
    assert verdicts(done)["home"] == (
        "fail",
        "0 MB free, too few for a run; make room for 200",
    )
