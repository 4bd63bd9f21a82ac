"""`sluice release` and `sluice audit` over a finished first lifecycle, and a server that trusts."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tests.lib.copied_home import copied
from tests.lib.installations import Installation

pytestmark = [pytest.mark.integration]


@pytest.fixture
def installation(story, tmp_path) -> Installation:
    """A copy of it, to be damaged."""
    home = tmp_path / "home"
    copied(story.installation.home, home)
    return replace(story.installation, home=home)


def served(installation: Installation) -> str:
    pointer = installation.home / "serving" / "for_you.json"
    return json.loads(pointer.read_text())["release"]


def test_three_copied_things_are_enough_to_verify_a_release(installation, tmp_path):
    release, home = served(installation), installation.home
    (public,) = (home / "keys" / "trusted").iterdir()
    shutil.copytree(home / "releases" / release, tmp_path / "r")
    shutil.copy(home / "signatures" / f"{release}.json", tmp_path / "r.json")
    shutil.copy(public, tmp_path / "promoter.pub")
    elsewhere = replace(installation, home=tmp_path / "nothing here")
    copied = (
        "--folder", str(tmp_path / "r"), "--signature", str(tmp_path / "r.json"),
        "--key", str(tmp_path / "promoter.pub"),
    )  # fmt: skip

    assert elsewhere.must("release", "verify", release, *copied)["release"] == release
    (tmp_path / "r" / "golden.json").write_bytes(b"{}")
    assert elsewhere.sluice("release", "verify", release, *copied).code == 5
    assert not elsewhere.home.exists()


def test_an_unsigned_champion_is_not_served_and_the_mirror_signs_it_again(installation):
    release = served(installation)
    (installation.home / "signatures" / f"{release}.json").unlink()
    refused = installation.sluice("serve", "for_you", "--port", "3961", "--json")
    unfit = installation.sluice("doctor", "--json")

    assert refused.code == 5
    assert "there is none" in refused.json["error"]
    assert unfit.code == 2
    assert installation.sluice("release", "verify", release).code == 5
    installation.must("champion", "mirror", "for_you")
    assert installation.must("release", "verify", release)["release"] == release


def test_keys_are_rotated_and_revoked(installation):
    release = served(installation)
    (first,) = installation.must("release", "keys")["trusted"]
    assert installation.sluice("release", "keygen").code == 6
    second = installation.must("release", "keygen", "--rotate")["key"]
    assert installation.must("release", "verify", release)["key"] == first
    installation.must("release", "revoke", first[:12], "--reason", "stolen")

    assert installation.sluice("release", "verify", release).code == 5
    installation.must("champion", "mirror", "for_you")
    assert installation.must("release", "verify", release)["key"] == second
    found = installation.must("release", "keys")
    assert found["trusted"] == [second]
    assert [(each["key"], each["reason"]) for each in found["revoked"]] == [
        (first, "stolen")
    ]


def test_a_ledger_cut_after_the_export_is_found(installation):
    exported = installation.must("audit", "export")
    whole = installation.must("audit", "verify")
    assert whole["head"] == f"{exported['sequence']}:{exported['hash']}"
    assert whole["exported_heads"] > 1
    with closing(sqlite3.connect(installation.home / "sluice.db")) as database, database:
        database.execute("DELETE FROM ledger WHERE sequence = ?", [exported["sequence"]])
    done = installation.sluice("audit", "verify", "--json")

    assert done.code == 5
    assert any("truncated, or an old backup" in each for each in done.json["problems"])


def test_a_ledger_on_sqlite_cannot_be_protected_by_a_role(installation):
    done = installation.sluice("audit", "protect", "sluice_app")

    assert done.code == 2
    assert "SQLite knows no roles" in done.err
