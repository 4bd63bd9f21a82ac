"""A backup that is taken while the home is written is whole, and is put back whole or not at all."""

import json
import shutil
import stat
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Thread

import pytest

from sluice.backup import contents, taking
from sluice.backup.copying import copy_file
from sluice.backup.restoring import restore
from sluice.backup.taking import take
from sluice.cli.audit_seen import look
from sluice.data.event_log import EventLog
from sluice.errors import IntegrityError, NotFound, UserError
from tests.lib.busy_home import blocked_version, written
from tests.lib.copied_home import copied
from tests.lib.killed_log import HOUR, hours
from tests.lib.logs import AT
from tests.lib.tampered_homes import Home, make

KINDS = ("folder", "backup.tar")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a home") / "home"
    make(folder)
    return folder


@pytest.fixture
def home(pristine, tmp_path):
    return Home(copied(pristine, tmp_path / "home", "bentoml"))


@pytest.fixture(params=KINDS)
def backup(request, home, tmp_path):
    return _taken(home, tmp_path / request.param)


def _taken(home, target):
    with home.store() as store:
        take(home.settings, store, target)
    return target


def _requests(home):
    window = EventLog(home.settings.log).window()
    return EventLog(home.settings.log).read(window).exposures["request_id"].n_unique()


def _wrong_after(home, target, writer, restored):
    """What a restored backup lacks of what was durable before it began, or what its audit says."""
    requests, rows = writer.accepted
    _taken(home, target)
    restore(target, restored)
    back = Home(restored)
    lost = [what for what, is_lost in (
        ("events", _requests(back) < requests), ("rows", len(back.rows()) < rows),
    ) if is_lost]  # fmt: skip
    return [*back.problems(), *lost]


def test_ten_of_ten_taken_during_writes_pass_the_audit(home, tmp_path):
    with written(home) as writer:
        while writer.accepted[0] == 0:
            assert writer.fault is None
        wrong = [
            _wrong_after(home, tmp_path / f"{number}.tar", writer, tmp_path / f"r{number}")
            for number in range(10)
        ]

    assert wrong == [[]] * 10
    assert look(home.settings).problems == []


class _Meanwhile:
    """Does something in another thread once a file is copied; with what is held, it has to wait."""

    def __init__(self, after, act, *, held):
        self.after, self.thread = after, Thread(target=act)
        self.seconds = 0.3 if held else None

    def copy(self, home, name, into):
        entry = copy_file(home, name, into)
        if name == self.after:
            self.thread.start()
            self.thread.join(self.seconds)
        return entry


def _problems_with(home, target, monkeypatch, meanwhile, *, held):
    with monkeypatch.context() as patched:
        patched.setattr(taking, "copy_file", meanwhile.copy)
        if not held:
            patched.setattr(taking, "_held", lambda *_: nullcontext())
        _taken(home, target)
    meanwhile.thread.join()
    restore(target, target.with_suffix(""))
    return Home(target.with_suffix(""))


@pytest.mark.parametrize("held", [True, False])
def test_no_head_is_in_it_whose_row_is_not(home, tmp_path, monkeypatch, held):
    decision = _Meanwhile(
        "sluice.db", lambda: blocked_version(home, "meanwhile"), held=held
    )

    back = _problems_with(home, tmp_path / "b.tar", monkeypatch, decision, held=held)

    assert (back.problems() == []) is held


@pytest.mark.parametrize("held", [True, False])
def test_no_row_is_in_it_twice(home, tmp_path, monkeypatch, held):
    log = EventLog(home.settings.log)
    log.take(hours(0, 1), AT)
    compaction = _Meanwhile(
        "log/journal.db",
        lambda: log.compact(timedelta(0), timedelta(0), AT + HOUR),
        held=held,
    )

    back = _problems_with(home, tmp_path / "b.tar", monkeypatch, compaction, held=held)

    rows = EventLog(back.settings.log)
    assert (rows.read(rows.window()).exposures.height == 3) is held


def test_the_store_is_copied_after_mirrors_and_before_files():
    order = [
        "mlflow/mlflow.db",
        "sluice.db",
        "log/journal.db",
        "releases/1a/model/model.txt",
    ]

    assert [contents.phase_of(name) for name in order] == sorted(contents.Phase)
    assert {
        contents.phase_of(name)
        for name in ("audit/heads/1.json", "keys/signing.key", "serving/a.json")
    } == {contents.Phase.DECISIONS}


def test_what_is_put_back_is_what_was_there(backup, home, tmp_path):
    restore(backup, tmp_path / "back")

    there = {
        name
        for phase in contents.Phase
        for name in contents.names(home.settings.home, phase)
    }
    for name in there - {"sluice.db", "log/journal.db"}:
        assert (tmp_path / "back" / name).read_bytes() == (
            home.settings.home / name
        ).read_bytes()
    assert Home(tmp_path / "back").rows() == home.rows()


def test_nobody_but_the_owner_reads_a_restored_file(backup, tmp_path):
    restore(backup, tmp_path / "back")

    modes = {
        stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (tmp_path / "back").rglob("*")
    }
    assert modes == {0}
    assert (
        stat.S_IMODE((tmp_path / "back" / "keys" / "signing.key").stat().st_mode) == 0o600
    )
    assert stat.S_IMODE(backup.stat().st_mode) & 0o077 == 0


def test_a_home_with_anything_in_it_is_refused(backup, tmp_path):
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "kept").write_text("mine")

    with pytest.raises(UserError, match="because it is not empty"):
        restore(backup, tmp_path / "back")
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["kept"]


def _changed(folder):
    (folder / "keys" / "signing.key").write_text("another")


def _gone(folder):
    (folder / "sluice.db").unlink()


def _added(folder):
    (folder / "keys" / "trusted" / "eve.pub").write_text("mine")


def _linked(folder):
    (folder / "keys" / "signing.key").unlink()
    (folder / "keys" / "signing.key").symlink_to("/etc/hostname")


def _leads_out(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["name"] = "../elsewhere"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _no_manifest(folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_changed, "keys/signing.key has the digest"),
        (_gone, "its file sluice.db is missing"),
        (_added, "eve.pub is not in its manifest.json"),
        (_linked, "its file keys/signing.key is missing"),
        (_leads_out, "'../elsewhere', outside the home"),
        (_no_manifest, "its file manifest.json is missing"),
    ],
)
def test_a_damaged_backup_leaves_no_home(home, tmp_path, damage, why):
    backup = _taken(home, tmp_path / "folder")
    damage(backup)

    with pytest.raises(IntegrityError, match=why):
        restore(backup, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_tar_that_was_cut_is_refused(home, tmp_path):
    backup = _taken(home, tmp_path / "backup.tar")
    content = backup.read_bytes()
    backup.write_bytes(content[: len(content) // 2])

    with pytest.raises(IntegrityError, match="Cannot restore"):
        restore(backup, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_backup_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFound, match=r"no such folder or \.tar file"):
        restore(tmp_path / "nothing", tmp_path / "back")


def test_a_target_in_the_home_or_in_use_is_refused(home, tmp_path):
    (tmp_path / "used").mkdir()

    with pytest.raises(UserError, match="because it lies in the home"):
        _taken(home, home.settings.home / "backups" / "today.tar")
    with pytest.raises(UserError, match="because it exists"):
        _taken(home, tmp_path / "used")


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_that_fails_leaves_nothing(home, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(taking, "copy_file", partial(_fails, taking.copy_file, []))

    with pytest.raises(OSError, match="disk"):
        _taken(home, tmp_path / kind)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def _fails(copy, done, home, name, into):
    done.append(name)
    if len(done) > 5:
        raise OSError("the disk went away")
    return copy(home, name, into)


def test_servers_output_locks_and_derived_keys_stay(home):
    for name in (
        "logs/serve.log",
        "house/supervisord.conf",
        "log/.lock",
        "log/.keys/a",
        "sluice.db-wal",
    ):
        assert not contents.is_held(name)


def test_a_store_elsewhere_is_refused_with_what_to_do(home, tmp_path, monkeypatch):
    settings = replace(home.settings, database_url="postgresql://db/sluice")
    with home.store() as store, pytest.raises(UserError, match="pg_dump --format=custom"):
        take(settings, store, tmp_path / "backup.tar")


def test_a_home_that_moved_is_as_it_was(home, tmp_path):
    shutil.move(home.settings.home, tmp_path / "moved")

    assert look(Home(tmp_path / "moved").settings).problems == []
