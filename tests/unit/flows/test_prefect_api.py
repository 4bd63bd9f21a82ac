"""Whom a command shows the installation's credential for Prefect."""

import os

import httpx
import pytest

from sluice.errors import ConfigError
from sluice.flows.prefect_api import AUTH, admitted, ensure_admitted
from sluice.flows.prefect_server import credential
from sluice.settings import load_settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv(AUTH, raising=False)
    return load_settings({}, tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "[::1]:4200"])
def test_a_server_on_this_machine_is_shown_it_while_the_block_lasts(settings, host):
    with admitted(settings, f"http://{host}/api"):
        assert os.environ[AUTH] == credential(settings)

    assert AUTH not in os.environ


@pytest.mark.parametrize(
    "host",
    ["prefect.example", "127.0.0.1.example", "127.0.0.1@prefect.example", "10.0.0.1"],
)
def test_a_server_elsewhere_never_sees_it(settings, host):
    with admitted(settings, f"https://{host}/api"):
        assert AUTH not in os.environ


def test_a_declared_credential_goes_before_our_own(settings, monkeypatch):
    monkeypatch.setenv(AUTH, "ann:hers")
    with admitted(settings, "http://127.0.0.1:4200/api"):
        assert os.environ[AUTH] == "ann:hers"

    assert os.environ[AUTH] == "ann:hers"


def test_a_server_that_does_not_answer_is_told_of_without_the_secret(monkeypatch):
    def refused(url, **_):
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "get", refused)
    monkeypatch.setenv(AUTH, "sluice:secret of a test")
    with pytest.raises(ConfigError, match="does not answer") as error:
        ensure_admitted("http://127.0.0.1:1/api")

    assert "secret of a test" not in str(error.value)


def test_a_server_to_which_no_credential_is_shown_is_asked_nothing(settings, monkeypatch):
    monkeypatch.setattr(httpx, "get", pytest.fail)
    with admitted(settings, "https://prefect.example/api"):
        ensure_admitted("https://prefect.example/api")
