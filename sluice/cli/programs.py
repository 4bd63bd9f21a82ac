"""Servers of other projects, started together, watched together and stopped together."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from sluice.child import ROOT, child_command
from sluice.data.private_files import private_log
from sluice.door import HOST
from sluice.errors import ConfigError, SluiceError
from sluice.serving.processes import end_sessions

if TYPE_CHECKING:
    import httpx

_READY_SECONDS = 180.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.1
_SHOWN_WORDS = 25
_NEAR = 50
"""How far from its usual port a server may move."""


@dataclass(frozen=True)
class Program:
    """One server: how it starts, and where it says that it is up."""

    name: str
    module: str
    arguments: Sequence[str]
    port: int | None
    """None for one that listens nowhere."""
    health: str
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class Started:
    """A program's process, which leads a session of its own, and where its output goes."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path

    def ensure_alive(self) -> None:
        if (code := self.process.poll()) is not None:
            last_words = self.log.read_text(errors="replace").split()[-_SHOWN_WORDS:]
            raise SluiceError(
                f"{self.program.name} ended with exit code {code}; {self.log} ends: "
                f"{' '.join(last_words) or '(nothing)'}"
            )


@contextmanager
def until_stopped() -> Iterator[None]:
    """Leave the block quietly at Ctrl-C, at SIGTERM, or when the terminal is closed."""
    before = {
        number: signal.signal(number, _interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def asked_to_stop() -> Iterator[Event]:
    """An event that Ctrl-C, SIGTERM or a closed terminal sets, for what must not end halfway."""
    stopped = Event()

    def ask(number: int, frame: object) -> None:
        del number, frame
        stopped.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


@contextmanager
def running(
    programs: Sequence[Program], environ: Mapping[str, str], logs: Path
) -> Iterator[list[Started]]:
    """The programs while the block lasts; none of their processes outlives it, or this process.

    Args:
        programs: what to start.
        environ: of each of them, besides its own.
        logs: folder that gets `<name>.log`.
    """
    logs.mkdir(parents=True, exist_ok=True)
    started: list[Started] = []
    try:
        for program in programs:
            # One by one, so that the first is stopped where the second does not start.
            started.append(_start(program, environ, logs / f"{program.name}.log"))  # noqa: PERF401 - see above
        yield started
    finally:
        # By session, for a server that was killed has left its workers behind.
        end_sessions([server.process.pid for server in started], _STOP_SECONDS)
        for server in started:
            server.process.wait()


def _start(program: Program, environ: Mapping[str, str], log: Path) -> Started:
    with private_log(log) as output:
        process = subprocess.Popen(
            child_command(program.module, *program.arguments),
            # Elsewhere a prefect.toml or a .env of somebody else's project could lie.
            cwd=ROOT,
            env={**environ, **program.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Started(program, process, log)


def await_ready(started: Sequence[Started]) -> None:
    """Return once all of them are up.

    Raises:
        SluiceError: one ended, or took too long; names its log.
    """
    import httpx

    until = time.monotonic() + _READY_SECONDS
    waiting = list(started)
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while waiting:
            for program in started:
                program.ensure_alive()
            waiting = [
                program for program in waiting if not is_healthy(client, program.program)
            ]
            if waiting and time.monotonic() > until:
                first = waiting[0]
                raise SluiceError(
                    f"{first.program.name} was not up after {_READY_SECONDS:g} s; see {first.log}"
                )
            time.sleep(_POLL_SECONDS if waiting else 0)


def is_healthy(client: "httpx.Client", program: Program) -> bool:
    """Whether the program answers; one that listens nowhere is not asked."""
    return program.port is None or answers(client, program.url + program.health)


def answers(client: "httpx.Client", address: str) -> bool:
    """Whether there is an answer of success at the address."""
    from httpx import TransportError

    try:
        return client.get(address).is_success
    except TransportError:
        return False


def watch(started: Sequence[Started]) -> None:
    """Stay as long as all of them run.

    Raises:
        SluiceError: one ended; names its log.
    """
    while True:
        for program in started:
            program.ensure_alive()
        time.sleep(1.0)


def choose_port(name: str, preferred: int | None, usual: int) -> int:
    """The port that was asked for, or else the usual one, or else the next that is free.

    It stays claimed until this process ends: a server takes seconds to listen, and another command of
    ours that chose the same port meanwhile would take that server for its own.

    Raises:
        ConfigError: the port that was asked for is taken; names one that is not.
    """
    wanted = usual if preferred is None else preferred
    ports = range(wanted, wanted + _NEAR)
    near = next((port for port in ports if _is_free(port) and _claim(port)), None)
    if near is None:
        raise ConfigError(
            f"ports {wanted} to {wanted + _NEAR - 1} are all taken; name another"
        )
    if preferred is not None and near != preferred:
        raise ConfigError(
            f"port {preferred} for {name} is taken by another program; {near} is free"
        )
    return near


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        # As servers do it: a port that was closed a moment ago counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


_claims: set[int] = set()


def _claim(port: int) -> bool:
    """Whether no other process of ours has the port; a name in the kernel ends with its process."""
    if port in _claims or not sys.platform.startswith("linux"):
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0sluice-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # open until the process ends
    _claims.add(port)
    return True
