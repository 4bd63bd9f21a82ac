"""What `sluice ui` prints signs a browser in."""

import base64
from importlib import import_module

import pytest

from sluice.cli import house_programs
from sluice.cli.programs import Program
from sluice.data.private_files import secret_in
from sluice.flows.prefect_server import credential
from sluice.settings import load_settings

ui = import_module("sluice.cli.ui")
"""The module, whose name in the package is the command's."""


@pytest.fixture
def settings(tmp_path):
    return load_settings({}, tmp_path)


PROGRAMS = [Program("prefect", "", (), 4200, ""), Program("evidently", "", (), 8000, "")]


def test_the_printed_addresses_carry_what_signs_in_behind_the_hash(settings, capsys):
    ui._tell(settings, PROGRAMS, as_json=False, auth=False)
    said = capsys.readouterr().out.split()

    (prefect,) = (each for each in said if each.startswith("http://127.0.0.1:4200/"))
    page, _, secret = prefect.partition("#")
    assert page == "http://127.0.0.1:4200/sign-in"
    assert base64.b64decode(secret).decode() == credential(settings)
    assert f"http://127.0.0.1:8000/sign-in#{secret_in(settings.evidently_key)}" in said


def test_no_server_is_given_its_secret_as_an_argument_or_a_variable(settings):
    ports = {"mlflow": 5000, "prefect": 4200, "evidently": 8000}
    servers = house_programs.page_servers(settings, ports, auth=True)
    others = (
        house_programs.worker(settings, 4200),
        house_programs.service(settings, "feed", 3000),
    )
    told = repr((*servers, *others))

    assert credential(settings).partition(":")[2] not in told
    assert secret_in(settings.evidently_key) not in told
    assert "sluice.flows.prefect_server" in told
    assert "sluice.cli.house_server" in told
