"""Prefect's API for the flow runs of one command, over the installation's own database.

Prefect would start one by itself, but only with the first flow, on our terminal, and leave it
running where we are killed.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sluice.child import ROOT, child_command
from sluice.data.private_files import private_log
from sluice.door import HOST
from sluice.errors import ConfigError, SluiceError
from sluice.flows import prefect_server
from sluice.flows.prefect_server import api_url, credential
from sluice.flows.reporting import step
from sluice.settings import Settings

API_URL = "PREFECT_API_URL"
AUTH = "PREFECT_API_AUTH_STRING"
"""User and secret that Prefect's client shows."""

_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_ASK_SECONDS = 30.0
_HERE = frozenset({HOST, "localhost", "::1"})


@contextmanager
def prefect_api(settings: Settings) -> Iterator[Callable[[], None]]:
    """Start the API, unless PREFECT_API_URL names one; yields a function that waits for it.

    To be entered before Prefect is imported, which reads its address and the credential then. What
    else there is to do while the API starts is best done before the waiting.
    """
    # A failed flow is told once, by whoever called it; Prefect keeps its traceback.
    os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")
    if address := os.environ.get(API_URL):
        with admitted(settings, address):
            yield lambda: ensure_admitted(address)
        return
    port = _free_port()
    os.environ[API_URL] = api_url(port)
    server = _start(settings, port)
    try:
        with _showing(credential(settings)), _drained():
            yield lambda: _await_ready(server, settings)
    finally:
        del os.environ[API_URL]
        server.terminate()
        _ensure_gone(server)


@contextmanager
def admitted(settings: Settings, address: str) -> Iterator[None]:
    """Show this installation's credential to a server on this machine, where no other is declared.

    To another machine goes only what PREFECT_API_AUTH_STRING says: its server has a secret of its own.
    """
    if AUTH in os.environ or urlsplit(address).hostname not in _HERE:
        yield
        return
    with _showing(credential(settings)):
        yield


@contextmanager
def _showing(secret: str) -> Iterator[None]:
    before = os.environ.get(AUTH)
    os.environ[AUTH] = secret
    try:
        yield
    finally:
        del os.environ[AUTH]
        if before is not None:
            os.environ[AUTH] = before


def ensure_admitted(address: str) -> None:
    """Ask the server something that it tells nobody without its credential, where we have one to show.

    Raises:
        ConfigError: it does not take ours, or does not answer.
    """
    import httpx

    if AUTH not in os.environ:
        return
    user, _, password = os.environ[AUTH].partition(":")
    try:
        response = httpx.get(
            f"{address.rstrip('/')}/admin/version",
            auth=(user, password),
            # To another machine there may be a proxy; to this one never.
            trust_env=urlsplit(address).hostname not in _HERE,
            timeout=_ASK_SECONDS,
        )
    except httpx.HTTPError as error:
        raise ConfigError(
            f"Cannot run a flow because Prefect at {address} does not answer: {error}; start it with "
            f"`sluice ui`, or unset {API_URL}"
        ) from error
    if response.status_code in {401, 403}:
        raise ConfigError(
            f"Cannot run a flow because Prefect at {address} does not take this installation's "
            f"credential; name the --home that its `sluice ui` was started with, or set {AUTH} to "
            "that server's own"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _start(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    settings.prefect.mkdir(parents=True, exist_ok=True)
    with private_log(settings.prefect / "api.log") as log:
        return subprocess.Popen(
            child_command(prefect_server.__name__, str(port), prefect_server.SHORT),
            # Elsewhere a prefect.toml or a .env of somebody else's project could lie.
            cwd=ROOT,
            env=settings.child_environment() | settings.own_variables(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: the API must still hear how the flow ended.
            start_new_session=True,
        )


def _await_ready(server: subprocess.Popen[bytes], settings: Settings) -> None:
    import httpx

    health = f"{os.environ[API_URL]}/health"
    until = time.monotonic() + _READY_SECONDS
    with step("prefect"), httpx.Client(trust_env=False) as client:
        import prefect  # noqa: F401 - a second's work, done while the API starts

        while server.poll() is None and time.monotonic() < until:
            try:
                if client.get(health).is_success:
                    return
            except httpx.TransportError:
                time.sleep(_POLL_SECONDS)
    log = settings.prefect / "api.log"
    # On a full disk the log stays empty.
    free = shutil.disk_usage(settings.prefect).free // 1_000_000
    raise SluiceError(
        f"Prefect's API did not start; {log} says why; {free:,} MB are free there"
    )


@contextmanager
def _drained() -> Iterator[None]:
    """Send at the end what Prefect still holds back; afterwards nobody would be there to take it."""
    try:
        yield
    finally:
        if "prefect" in sys.modules:
            from prefect.events.worker import EventsWorker
            from prefect.logging.handlers import APILogWorker

            for worker in (EventsWorker, APILogWorker):
                worker.drain_all(timeout=_STOP_SECONDS)


def _ensure_gone(server: subprocess.Popen[bytes]) -> None:
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
