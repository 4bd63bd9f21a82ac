"""A home that was moved: MLflow goes on where the home is now."""

import sqlite3
from contextlib import closing

import pytest

from sluice.registry.mlflow_places import follow_home

ROWS = {
    "experiments": ("artifact_location", "{root}for_you"),
    "runs": ("artifact_uri", "{root}for_you/1a/artifacts"),
    "logged_models": ("artifact_location", "{root}for_you/models/m-1/artifacts"),
    "model_versions": ("source", "{root}for_you/models/m-1/artifacts"),
}


@pytest.fixture
def home(tmp_path):
    """MLflow's tables as far as they name places, and a database of an experiment put elsewhere."""
    home = tmp_path / "a home"
    (home / "mlflow" / "artifacts").mkdir(parents=True)
    root = f"{(home / 'mlflow' / 'artifacts').as_uri()}/"
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as database, database:
        database.executescript(
            "CREATE TABLE experiments (name, artifact_location); CREATE TABLE runs (artifact_uri);"
            "CREATE TABLE logged_models (artifact_location);"
            "CREATE TABLE model_versions (source, storage_location);"
            "INSERT INTO experiments VALUES ('mine', 'file:///elsewhere/mine'), ('Default', 'mlflow-artifacts:/0');"
            "INSERT INTO runs VALUES ('file:///elsewhere/mine/2b/artifacts');"
        )
        for table, (column, place) in ROWS.items():
            database.execute(
                f"INSERT INTO {table} ({column}) VALUES (?)", (place.format(root=root),)
            )
        database.execute("UPDATE experiments SET name = 'for_you' WHERE name IS NULL")
        database.execute("UPDATE model_versions SET storage_location = source")
    return home


def places(home):
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as database:
        return [
            place
            for table in ROWS
            for row in database.execute(f"SELECT * FROM {table}")
            for place in row
            if place and ":/" in place
        ]


def follow(home):
    return follow_home(home / "mlflow" / "mlflow.db", home / "mlflow" / "artifacts")


def test_every_address_follows_the_home(home, tmp_path):
    moved = home.rename(tmp_path / "mövéd here")

    assert follow(moved) == len(ROWS) + 1
    ours = [place for place in places(moved) if "for_you" in place]
    root = f"{(moved / 'mlflow' / 'artifacts').as_uri()}/for_you"
    assert len(ours) == len(ROWS) + 1
    assert all(place.startswith(root) for place in ours)
    assert "a%20home" not in "".join(places(moved))


def test_what_somebody_put_elsewhere_stays_there(home, tmp_path):
    elsewhere = [place for place in places(home) if "for_you" not in place]
    moved = home.rename(tmp_path / "moved")

    follow(moved)

    assert [place for place in places(moved) if "for_you" not in place] == elsewhere


def test_a_home_that_did_not_move_is_not_written(home):
    before = (home / "mlflow" / "mlflow.db").read_bytes()

    assert follow(home) == 0
    assert (home / "mlflow" / "mlflow.db").read_bytes() == before


def test_without_a_database_there_is_nothing_to_do(tmp_path):
    assert follow(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_mlflows_own_experiment_lies_in_no_folder(home):
    at = "WHERE name = 'Default'"
    with closing(sqlite3.connect(home / "mlflow" / "mlflow.db")) as database:
        with database:
            database.execute(
                f"UPDATE experiments SET artifact_location = '/elsewhere/mlruns/0' {at}"
            )
        assert follow(home) == 1
        query = f"SELECT artifact_location FROM experiments {at}"
        assert database.execute(query).fetchone() == ("mlflow-artifacts:/0",)
