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

from flows.reporting import step
from sluice.child import child_command
from sluice.errors import SluiceError
from sluice.settings import Settings

HOST = "127.0.0.1"
API_URL = "PREFECT_API_URL"
_CONSOLE_LEVEL = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


@contextmanager
def prefect_api(settings: Settings) -> Iterator[Callable[[], None]]:
    """Start the API, unless PREFECT_API_URL names one; yields a function that waits for it.

    To be entered before Prefect is imported, which reads its address then. What else there is to
    do while the API starts is best done before the waiting.
    """
    # A failed flow is told once, by whoever called it; Prefect keeps its traceback.
    os.environ.setdefault(_CONSOLE_LEVEL, "CRITICAL")
    if os.environ.get(API_URL):
        yield lambda: None
        return
    port = _free_port()
    os.environ[API_URL] = f"http://{HOST}:{port}/api"
    server = _start(settings, port)
    try:
        yield lambda: _await_ready(server, settings)
    finally:
        if "prefect" in sys.modules:
            _drain()
        del os.environ[API_URL]
        server.terminate()
        _ensure_gone(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _start(settings: Settings, port: int) -> subprocess.Popen[bytes]:
    settings.prefect.mkdir(parents=True, exist_ok=True)
    with (settings.prefect / "api.log").open("wb") as log:
        return subprocess.Popen(
            child_command(__name__, str(port)),
            env=settings.child_environment(),
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


def _drain() -> None:
    """Send what Prefect still holds back; afterwards nobody would be there to take it."""
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


def _serve(port: int) -> None:
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)
    uvicorn.run(app, host=HOST, port=port, log_level="error")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
