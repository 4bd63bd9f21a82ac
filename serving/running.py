"""A Bento served on this machine, from its start until every one of its processes is gone."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from serving.bento import SERVICE, Bento, bento_environment
from serving.bento_code import private_source
from serving.custody import check_bytes
from serving.processes import Process, end, tree
from sluice.child import child_command
from sluice.errors import IntegrityError, SluiceError

HOST = "127.0.0.1"
"""BentoML would bind every address."""
STOP_SECONDS = 20.0

_POLL_SECONDS = 0.1
_SHOWN_LINES = 15


@dataclass(frozen=True)
class RunningServer:
    """A server whose /readyz named its release."""

    url: str
    pid: int
    """Of the supervisor; its workers are below it."""
    release: str
    """Digest, as /readyz gave it."""


@contextmanager
def serve(
    bento: Bento,
    home: Path,
    *,
    port: int | None = None,
    log: Path | None = None,
    environ: Mapping[str, str] | None = None,
    ready_seconds: float = 180.0,
) -> Iterator[RunningServer]:
    """Serve a Bento on loopback while the context lasts; leaves no process behind.

    Its code is checked against its release before any of it runs, and runs from a private copy.

    Args:
        bento: what to serve.
        home: SLUICE_HOME of the service; predictions are logged under it.
        port: a free one where None.
        log: file that the server's output is added to; kept nowhere where None.
        environ: further variables, such as SLUICE_SURFACE to follow the champion pointer.
        ready_seconds: how long the server may take to verify its release.

    Raises:
        IntegrityError: the release or the code in the Bento was changed, or the service refused its
            release; says why.
        SluiceError: the server ended or did not become ready; shows its last lines.
    """
    port = port or free_port()
    manifest = check_bytes(bento.packaged, bento.release)
    with private_source(bento.source, manifest.service) as source, _opened(log) as output:
        variables = _variables(bento, home, environ or {})
        started = _start(source, variables, port, output)
        try:
            yield _await_ready(started, f"http://{HOST}:{port}", output, ready_seconds)
        finally:
            _stop(started)


def _opened(log: Path | None) -> IO[bytes]:
    if log is None:
        return tempfile.TemporaryFile()
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("a+b")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _variables(bento: Bento, home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    variables = {
        # One request is scored at a time, in one thread; more would only wait for each other.
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        **bento_environment(bento.home, os.environ),
        "SLUICE_HOME": str(home.resolve()),
        **environ,
    }
    if not variables.keys() & {"SLUICE_RELEASE", "SLUICE_SURFACE"}:
        # The private copy holds code alone; the release is read, and checked, where it is packaged.
        variables["SLUICE_RELEASE"] = str(bento.packaged)
    return variables


def _start(
    source: Path, variables: Mapping[str, str], port: int, log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Serve by the service's name: what else a Bento's folder says, nobody has signed."""
    return subprocess.Popen(
        child_command("bentoml", "serve", SERVICE, "--host", HOST, "--port", str(port)),
        cwd=source,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _await_ready(
    started: subprocess.Popen[bytes],
    url: str,
    log: IO[bytes],
    seconds: float,
) -> RunningServer:
    begun = time.monotonic()
    with httpx.Client(base_url=url, trust_env=False, timeout=5.0) as client:
        while time.monotonic() - begun < seconds:
            if started.poll() is not None:
                raise SluiceError(
                    f"the server ended, exit code {started.returncode}:\n{_tail(log)}"
                )
            if release := _ready(client):
                return RunningServer(url, started.pid, release)
            time.sleep(_POLL_SECONDS)
    raise SluiceError(f"the server was not ready after {seconds:g} s:\n{_tail(log)}")


def _ready(client: httpx.Client) -> str | None:
    """Digest of the release in service; None while the server starts."""
    try:
        answer = client.get("/readyz")
    except httpx.TransportError:
        return None
    state = answer.json()
    if state["status"] == "refused":
        raise IntegrityError(
            f"the service refused its release: {state['error']['message']}"
        )
    return state["release"] if answer.status_code == httpx.codes.OK else None


def _stop(started: subprocess.Popen[bytes]) -> None:
    processes: tuple[Process, ...] = tree(started.pid)
    end(processes, STOP_SECONDS)
    started.wait()


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_SHOWN_LINES:]) or "(it said nothing)"
