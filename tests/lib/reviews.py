"""A real `mlflow server --app-name sluice` over candidates in review, and people who sign in to it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sluice.cli.installation import accounts_of
from sluice.registry.mirror import MlflowMirror
from sluice.registry.mlflow_accounts import ADMIN, Accounts
from sluice.registry.mlflow_database import build_tracking, ensure_database
from sluice.serving.processes import end_sessions
from sluice.settings import Settings, load_settings
from sluice.store import open_store
from sluice.store.records import OutboxRow, State, Version
from tests.lib.promotions import bring, release_of
from tests.lib.tracked import a_candidate

SURFACE = """
name = "{name}"
owner = "ranking-team"

[review]
reviewers = ["rita", "ann", "rob"]
"""
PEOPLE = {
    "author": "ann",
    "reviewer": "rita",
    "outsider": "olaf",
    "promoter": "sluice-promoter",
}
READY_SECONDS = 120


@dataclass(frozen=True)
class Office:
    """A running server, and who may sign in."""

    settings: Settings
    url: str
    passwords: Mapping[str, str]
    """By account."""
    log: Path
    client: httpx.Client

    def ask(self, who: str | None, method: str, path: str, **body: Any) -> httpx.Response:
        """One request as somebody, or as nobody."""
        inside = {"params": body} if method == "GET" else {"json": body}
        signed = (who, self.passwords[who]) if who else None
        return self.client.request(method, self.url + path, auth=signed, **inside)

    def tag(self, who: str, value: str, *, version: str, model: str = "feed-candidates", key: str = "review") -> httpx.Response:  # fmt: skip
        """Set a tag as MLflow's own page does."""
        body = {"name": model, "version": version, "key": key, "value": value}
        return self.ask(who, "POST", "/ajax-api/2.0/mlflow/model-versions/set-tag", **body)

    def tags(self, version: str, model: str = "feed-candidates") -> dict[str, str]:
        path = "/api/2.0/mlflow/model-versions/get"
        found = self.ask(ADMIN, "GET", path, name=model, version=version).json()
        return {tag["key"]: tag["value"] for tag in found["model_version"].get("tags", [])}


def a_home(folder: Path, *surfaces: str, database_url: str = "") -> Settings:
    """An installation with these surfaces and nothing in it; its store in SQLite if none is named."""
    declared = folder / "surfaces"
    declared.mkdir(parents=True)
    for name in surfaces:
        (declared / f"{name}.toml").write_text(SURFACE.format(name=name))
    named = {"SLUICE_SURFACES": str(declared), "SLUICE_DATABASE_URL": database_url}
    return load_settings(named, folder / "home")


def a_mirrored(
    settings: Settings, ranker: Path, run: str, state: State, surface: str = "feed"
) -> tuple[Version, str]:
    """A version in that state, and its number in MLflow."""
    with open_store(settings.database_url) as store:
        version = bring(store, state, run, surface)
    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    about = {"version": version.number, "surface": surface, "release": release_of(version)}
    mirrored = mirror.candidate(a_candidate(ranker, author=version.author, **about))
    return version, mirrored.version


def crowned(settings: Settings, version: Version) -> None:
    """Put MLflow's alias `champion` on the version."""
    row = OutboxRow(
        sequence=1, surface=version.surface, version=version.number,
        release=release_of(version), epoch=1,
    )  # fmt: skip
    MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts").deliver(row)


@contextmanager
def open_office(settings: Settings, altered: str = "") -> Iterator[Office]:
    """The server, until the block ends; with an account for each of `PEOPLE`.

    Args:
        settings: of the installation.
        altered: Python that the server runs before anything else, to be another than ours.
    """
    ensure_database(settings.mlflow_uri, build_tracking)
    accounts: Accounts = accounts_of(settings)
    passwords = {name: accounts.make(name) for name in PEOPLE.values()}
    port = a_free_port()
    log = settings.home / "server.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--app-name", "sluice", "--workers", "1",
             "--port", str(port), "--backend-store-uri", settings.mlflow_uri,
             "--artifacts-destination", str(settings.mlflow / "artifacts")],
            env={**_theirs(), **settings.environment(), **settings.own_variables(), **_altered(settings, altered)},
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, process, log)
        passwords[ADMIN] = accounts.admin_password.read_text()
        with httpx.Client(trust_env=False, timeout=60) as client:
            yield Office(settings, url, passwords, log, client)
    finally:
        end_sessions([process.pid], 20.0)
        process.wait()


def a_free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _altered(settings: Settings, program: str) -> dict[str, str]:
    """Variables with which every Python of the server begins with the program."""
    if not program:
        return {}
    folder = settings.home / "altered"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(program)
    return {"PYTHONPATH": os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", "")))}


def _theirs() -> dict[str, str]:
    ours = ("SLUICE_", "MLFLOW_", "_MLFLOW", "PYTEST")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/health", trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
