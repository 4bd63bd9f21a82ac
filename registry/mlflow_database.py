"""MLflow's embedded database, made whole or not at all.

MLflow builds its tables by migrations that SQLite does not wrap in a transaction: killed in
between, it leaves a database that no version of it can open again.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sluice.data.atomic import sync_file, sync_folder

_SQLITE = "sqlite:///"


def ensure_database(uri: str, build: Callable[[Path], None]) -> None:
    """Make the SQLite database that the URI names, where it is not there yet, by `build`."""
    path = path_of(uri)
    if not uri.startswith(_SQLITE) or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        built, whole = Path(folder) / "built.db", Path(folder) / "whole.db"
        build(built)
        # A copy, for MLflow keeps the one that it has built open.
        shutil.copyfile(built, whole)
        sync_file(whole)
        # Another process may have been first; its database may be in use already.
        with suppress(FileExistsError):
            os.link(whole, path)
    sync_folder(path.parent)


def path_of(uri: str) -> Path:
    """The file of an embedded database."""
    return Path(uri.removeprefix(_SQLITE))


def build_tracking(path: Path) -> None:
    """Build MLflow's database of runs and models."""
    from mlflow.tracking import MlflowClient

    MlflowClient(tracking_uri=f"{_SQLITE}{path}")
