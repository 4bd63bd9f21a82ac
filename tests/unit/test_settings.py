import os
from pathlib import Path

import pytest

from sluice.environment import allowed
from sluice.errors import ConfigError
from sluice.settings import SAFE_DEFAULTS, TELEMETRY_OFF, apply_environment, load_settings


def test_everything_lies_in_the_home_where_nothing_else_is_said(tmp_path):
    settings = load_settings({"SLUICE_HOME": str(tmp_path / "a home")})

    assert settings.home == tmp_path / "a home"
    assert settings.database_url == f"sqlite:///{tmp_path / 'a home' / 'sluice.db'}"
    assert settings.embedded
    assert settings.actor is None
    places = (
        settings.log, settings.snapshots, settings.models, settings.releases, settings.bentos,
        settings.pointers, settings.predictions, settings.validation, settings.evidence,
        settings.evidently, settings.prefect, settings.mlflow, settings.keys, settings.signatures,
    )  # fmt: skip
    assert {place.parent for place in places} == {settings.home}
    assert len(set(places)) == len(places)


def test_reading_settings_makes_no_folder(tmp_path):
    load_settings({"SLUICE_HOME": str(tmp_path / "home")})

    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_database_surfaces_and_actor(tmp_path):
    settings = load_settings(
        {
            "SLUICE_HOME": str(tmp_path),
            "SLUICE_DATABASE_URL": "postgresql://db/sluice",
            "SLUICE_SURFACES": str(tmp_path / "declared"),
            "SLUICE_ACTOR": "ann",
        }
    )

    assert settings.database_url == "postgresql://db/sluice"
    assert not settings.embedded
    assert settings.surfaces == tmp_path / "declared"
    assert settings.actor == "ann"


def test_an_empty_variable_is_one_that_is_not_set(tmp_path):
    settings = load_settings(
        {"SLUICE_HOME": str(tmp_path), "SLUICE_DATABASE_URL": "", "SLUICE_ACTOR": ""}
    )

    assert settings.embedded
    assert settings.actor is None


def test_a_home_that_is_given_goes_before_the_environment(tmp_path):
    settings = load_settings({"SLUICE_HOME": str(tmp_path / "there")}, tmp_path / "here")

    assert settings.home == tmp_path / "here"


def test_surfaces_lie_here_or_else_beside_the_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    beside = load_settings({}).surfaces
    (tmp_path / "surfaces").mkdir()

    assert beside == Path(__file__).parents[2] / "surfaces"
    assert load_settings({}).surfaces == tmp_path / "surfaces"


def test_a_home_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "home"
    file.write_text("")

    with pytest.raises(
        ConfigError, match=f"SLUICE_HOME {file}: is a file, must be a folder"
    ):
        load_settings({"SLUICE_HOME": str(file)})


def test_the_tools_get_their_places_and_no_telemetry(tmp_path, monkeypatch):
    settings = load_settings({"SLUICE_HOME": str(tmp_path)})
    told = settings.environment()
    for name, value in told.items():
        monkeypatch.setenv(name, f"not {value}")
    apply_environment(settings)

    assert told.items() >= {**TELEMETRY_OFF, **SAFE_DEFAULTS}.items()
    assert told["PREFECT_HOME"] == str(settings.prefect)
    assert told["BENTOML_HOME"] == str(settings.bentos)
    assert {name: os.environ[name] for name in told} == told
    assert settings.child_environment() == {**allowed(os.environ), **told}


def test_another_process_finds_the_installation_by_its_own_variables(tmp_path):
    settings = load_settings(
        {
            "SLUICE_PROMOTER": "robot",
            "SLUICE_SURFACES": "/s",
            "SLUICE_REQUIRE_SIGNATURE": "1",
        },
        tmp_path,
    )

    assert settings.promoter == "robot"
    assert settings.require_signature
    assert load_settings(settings.own_variables()) == settings


@pytest.mark.parametrize(
    ("value", "required"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_a_signature_is_required_where_that_is_said(tmp_path, value, required):
    environ = {} if value is None else {"SLUICE_REQUIRE_SIGNATURE": value}

    assert load_settings(environ, tmp_path).require_signature is required


def test_a_requirement_that_cannot_be_read_is_refused_not_guessed(tmp_path):
    with pytest.raises(ConfigError, match="SLUICE_REQUIRE_SIGNATURE=yes: write 0 or 1"):
        load_settings({"SLUICE_REQUIRE_SIGNATURE": "yes"}, tmp_path)


def test_no_child_is_handed_prefects_credential(monkeypatch, tmp_path):
    for name in ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"):
        monkeypatch.setenv(name, "sluice:a secret")

    handed = load_settings({}, tmp_path).child_environment()

    assert "sluice:a secret" not in handed.values()
