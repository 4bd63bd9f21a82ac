"""A server on this machine, from its start until every one of its processes is gone."""

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

from sluice.child import ROOT, child_command
from sluice.environment import allowed
from sluice.errors import IntegrityError, SluiceError
from sluice.serving.address import Address
from sluice.serving.bento import SERVICE, Bento, bento_environment
from sluice.serving.bento_code import private_source
from sluice.serving.custody import check_bytes
from sluice.serving.processes import Process, end, tree

HOST = "127.0.0.1"
"""BentoML would bind every address."""
STOP_SECONDS = 25.0
"""Longer than the supervisors give their workers."""

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


@dataclass(frozen=True)
class _Command:
    """How a server's supervisor is started, and where it will answer this machine."""

    arguments: tuple[str, ...]
    folder: Path | None
    environ: Mapping[str, str]
    url: str


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
    """Serve a Bento with BentoML on loopback while the context lasts; leaves no process behind.

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
    with private_source(bento.source, manifest.service) as source:
        command = _Command(
            # By the service's name: what else a Bento's folder says, nobody has signed.
            ("bentoml", "serve", SERVICE, "--host", HOST, "--port", str(port)),
            source,
            _bento_variables(bento, home, environ or {}),
            f"http://{HOST}:{port}",
        )
        with _running(command, log, ready_seconds) as server:
            yield server


@contextmanager
def serve_lean(
    home: Path,
    environ: Mapping[str, str],
    address: Address | None = None,
    *,
    workers: int = 1,
    log: Path | None = None,
    ready_seconds: float = 180.0,
) -> Iterator[RunningServer]:
    """Serve with granian, without BentoML, while the context lasts; leaves no process behind.

    Args:
        home: SLUICE_HOME of the service; predictions are logged under it.
        environ: what to serve, as `sluice.serving.source.source_from` reads it, and further variables.
        address: where to listen; a free port on loopback where None.
        workers: processes, each with the whole release.
        log: file that the server's output is added to; kept nowhere where None.
        ready_seconds: how long the server may take to verify its release.

    Raises:
        IntegrityError: the service refused its release; says why.
        SluiceError: the server ended or did not become ready; shows its last lines.
    """
    address = address or Address(HOST, free_port())
    command = _Command(
        (
            "sluice.serving.supervisor", "--host", address.host, "--port", str(address.port),
            "--workers", str(workers),
        ),
        None,
        {**allowed(os.environ), "SLUICE_HOME": str(home.resolve()), **environ},
        address.local_url,
    )  # fmt: skip
    with _running(command, log, ready_seconds) as server:
        yield server


def _bento_variables(
    bento: Bento, home: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    variables = {
        **bento_environment(bento.home, os.environ),
        "SLUICE_HOME": str(home.resolve()),
        **environ,
    }
    if not variables.keys() & {"SLUICE_RELEASE", "SLUICE_SURFACE"}:
        # The private copy holds code alone; the release is read, and checked, where it is packaged.
        variables["SLUICE_RELEASE"] = str(bento.packaged)
    return variables


@contextmanager
def _running(
    command: _Command, log: Path | None, ready_seconds: float
) -> Iterator[RunningServer]:
    with _opened(log) as output:
        started = _start(command, output)
        try:
            yield _await_ready(started, command.url, output, ready_seconds)
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


def _start(command: _Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
    variables = {
        # One request is scored at a time, in one thread; more would only wait for each other.
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **command.environ,
    }
    return subprocess.Popen(
        child_command(*command.arguments, code=command.folder or ROOT),
        cwd=command.folder,
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
            if release := _ready(client, log):
                return RunningServer(url, started.pid, release)
            time.sleep(_POLL_SECONDS)
    raise SluiceError(f"the server was not ready after {seconds:g} s:\n{_tail(log)}")


def _ready(client: httpx.Client, log: IO[bytes]) -> str | None:
    """Digest of the release in service; None while the server starts."""
    try:
        answer = client.get("/readyz")
    except httpx.TransportError:
        return None
    state = answer.json()
    if state["status"] == "refused":
        message = state["error"]["message"]
        raise IntegrityError(f"the service refused its release: {message}\n{_tail(log)}")
    return state["release"] if answer.status_code == httpx.codes.OK else None


def _stop(started: subprocess.Popen[bytes]) -> None:
    processes: tuple[Process, ...] = tree(started.pid)
    end(processes, STOP_SECONDS)
    started.wait()


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_SHOWN_LINES:]) or "(it said nothing)"
