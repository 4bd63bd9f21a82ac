"""Secrets are drawn once and read by nobody else; what others could read is closed to them."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.data.private_files import close_to_others, private_log, secret_in
from sluice.errors import ConfigError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_mask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_secret_is_drawn_once_whoever_comes_first(tmp_path):
    path = tmp_path / "credentials" / "prefect"
    with ThreadPoolExecutor(8) as pool:
        drawn = set(pool.map(lambda _: secret_in(path), range(16)))

    assert len(drawn) == 1
    assert len(drawn.pop()) >= 43
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == ["prefect"]


def test_a_secret_that_others_may_read_is_none_and_is_not_told(tmp_path):
    path = tmp_path / "prefect"
    secret = secret_in(path)
    path.chmod(0o640)

    with pytest.raises(ConfigError, match="others may read it") as refused:
        secret_in(path)
    assert secret not in str(refused.value)


def test_a_log_is_its_owners_alone_also_where_it_lay_open(tmp_path):
    log = tmp_path / "prefect.log"
    log.write_text("before")
    with private_log(log) as file:
        file.write(b"after")

    assert (mode(log), log.read_text()) == (0o600, "after")


def test_what_lies_open_is_closed_and_what_is_missing_is_none_of_ours(tmp_path):
    folder, file = tmp_path / "mlflow", tmp_path / "mlflow" / "mlflow.db"
    folder.mkdir()
    file.touch()
    close_to_others([folder, file, tmp_path / "missing"])

    assert (mode(folder), mode(file)) == (0o700, 0o600)
