"""Where MLflow's database says that its files lie, after the home was moved or put back elsewhere.

MLflow writes absolute addresses of files and goes on with those: in a home that was moved it would make
the old place anew and write there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Every column that names a place of files."""
_FILE = "file://"
_SUFFIX = "/mlflow/artifacts/"
"""What the folder of an installation's own experiments ends with, wherever its home is."""
_DEFAULT = "mlflow-artifacts:/0"
"""Of the experiment that MLflow makes for itself, which else lies in whatever folder that was done in."""


def follow_home(database: Path, artifacts: Path) -> int:
    """Name the files' place as it is now; returns how many addresses named another one.

    Only places under the root that one of the installation's own experiments names are renamed: an
    experiment that somebody put elsewhere on purpose stays there.
    """
    if not database.is_file():
        return 0
    here = f"{artifacts.resolve().as_uri()}/"
    with closing(sqlite3.connect(database, timeout=60.0)) as connection:
        left, astray = set(_left(connection, here)), _astray(connection)
        if not left and not astray:
            return 0
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_MEND, (_DEFAULT,))
            return astray + sum(_rename(connection, there, here) for there in left)


_ASTRAY = """SELECT count(*) FROM experiments
    WHERE name = 'Default' AND artifact_location LIKE '%/mlruns/0'"""
_MEND = """UPDATE experiments SET artifact_location = ?
    WHERE name = 'Default' AND artifact_location LIKE '%/mlruns/0'"""


def _astray(connection: sqlite3.Connection) -> int:
    """1 where MLflow's own experiment lies in a folder that is no part of any home."""
    return connection.execute(_ASTRAY).fetchone()[0]


def _left(connection: sqlite3.Connection, here: str) -> Iterator[str]:
    """Roots of the installation's own experiments that are not the one it has now."""
    experiments = "SELECT name, artifact_location FROM experiments"
    for name, location in connection.execute(experiments):
        root = str(location or "").removesuffix(name)
        is_ours = root.startswith(_FILE) and root.endswith(_SUFFIX) and root != location
        if is_ours and root != here:
            yield root


def _rename(connection: sqlite3.Connection, there: str, here: str) -> int:
    renamed = 0
    for table, column in _ADDRESSES:
        statement = (
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - names of ours
            f"WHERE substr({column}, 1, ?) = ?"
        )
        values = (here, len(there) + 1, len(there), there)
        renamed += connection.execute(statement, values).rowcount
    return renamed
