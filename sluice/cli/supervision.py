"""Programs under supervisord: started together, restarted when one dies, stopped without orphans."""

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xmlrpc.client import Fault, ServerProxy

from sluice.child import ROOT, WHOEVER_STARTS_IT, child_command
from sluice.cli.programs import Program
from sluice.errors import SluiceError

if TYPE_CHECKING:
    from types import ModuleType

_LOG_BYTES, _LOG_FILES = "10MB", 3
_SETTLED_SECONDS = 2
"""A program that lives so long has started."""
_TRIES = 1_000
"""Each a second later than the one before it, so a program that cannot start is not tried all the time."""
_PATIENCE_SECONDS = 25
"""For what is in flight, after which a program is killed."""
_STOP_SECONDS = 60.0
_START_SECONDS = 15.0
_POLL_SECONDS = 0.1


class Running(StrEnum):
    """States of a program, as supervisord names them.

    STOPPED -> STARTING -> RUNNING -> STOPPING -> STOPPED
                  |  ^        |
                  v  |        v
                BACKOFF <- (it died)      BACKOFF -> FATAL: given up
    """

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Supervised:
    """How one program stands."""

    name: str
    state: Running
    pid: int
    """0 where it does not run."""
    seconds: int
    """Since it was started last."""
    why: str
    """Of a program that does not run."""


def configuration(
    programs: Mapping[Path, Program], socket: Path, logs: Path, pidfile: Path
) -> str:
    """The file that supervisord reads.

    Args:
        programs: what it runs, by the file that holds the variables of each: supervisord's own form
            of them cannot hold a quote.
        socket: by which it is asked; its folder must be its owner's alone.
        logs: folder of one log a program, each of bounded size.
        pidfile: where supervisord says which process it is.
    """
    head = f"""[supervisord]
logfile={_plain(logs / "supervisor.log")}
logfile_maxbytes={_LOG_BYTES}
logfile_backups=1
pidfile={_plain(pidfile)}
umask=077
directory={_plain(ROOT)}

[unix_http_server]
file={_plain(socket)}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    sections = (_section(program, file, logs) for file, program in programs.items())
    return "\n".join([head, *sections])


def _section(program: Program, variables: Path, logs: Path) -> str:
    kept = (str(variables), program.module, *program.arguments)
    command = child_command("sluice.cli.kept", *kept, parent=WHOEVER_STARTS_IT)
    return f"""[program:{program.name}]
command={_plain(shlex.join(command))}
autorestart=true
startsecs={_SETTLED_SECONDS}
startretries={_TRIES}
stopwaitsecs={_PATIENCE_SECONDS}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={_plain(logs / f"{program.name}.log")}
stdout_logfile_maxbytes={_LOG_BYTES}
stdout_logfile_backups={_LOG_FILES}
"""


def _plain(value: object) -> str:
    """Without what supervisord would put a variable for."""
    return str(value).replace("%", "%%")


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of one home."""

    folder: Path
    """Holds its configuration, its pid and where its socket is."""
    logs: Path

    @property
    def _configuration(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def _pidfile(self) -> Path:
        return self.folder / "supervisord.pid"

    @property
    def _socket_at(self) -> Path:
        return self.folder / "socket"

    @property
    def pid(self) -> int | None:
        """Of the supervisord that runs; None where none does."""
        try:
            pid = int(self._pidfile.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._configuration).encode() in command else None

    def start(self, programs: Sequence[Program], environ: Mapping[str, str]) -> None:
        """Start it over the programs, or tell the one that runs of them.

        Programs that are no longer named are stopped; of the others, only those whose command or
        variables changed are started anew.

        Raises:
            SluiceError: it does not start; says where its log is.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.pid is not None:
            self._write(programs, self._socket())
            self._take_over_changes()
            return
        # Of a short name, for the kernel cuts off those of sockets.
        socket = Path(tempfile.mkdtemp(prefix="sluice-")) / "supervisor"
        self._socket_at.write_text(str(socket))
        self._write(programs, socket)
        subprocess.run(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self._configuration)],
            env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        until = time.monotonic() + _START_SECONDS
        while self.pid is None or not socket.exists():
            if time.monotonic() > until:
                raise SluiceError(
                    f"Cannot start supervisord; see {self.logs / 'supervisor.log'}"
                )
            time.sleep(_POLL_SECONDS)

    def programs(self) -> tuple[Supervised, ...]:
        """How each of its programs stands; none where it does not run."""
        if self.pid is None:
            return ()
        return tuple(
            Supervised(
                str(row["name"]),
                Running(row["statename"]),
                int(row["pid"]),
                max(0, int(row["now"]) - int(row["start"])) if row["pid"] else 0,
                str(row["spawnerr"] or row["description"]),
            )
            for row in self._ask("getAllProcessInfo")
        )

    def stop(self) -> bool:
        """Stop all programs and supervisord itself; False where it does not run.

        Raises:
            SluiceError: it does not end.
        """
        if self.pid is None:
            return False
        self._ask("shutdown")
        until = time.monotonic() + _STOP_SECONDS
        while self.pid is not None:
            if time.monotonic() > until:
                raise SluiceError(
                    f"supervisord (pid {self.pid}) did not end within {_STOP_SECONDS:g} s; see {self.logs}"
                )
            time.sleep(_POLL_SECONDS)
        shutil.rmtree(self._socket().parent, ignore_errors=True)
        return True

    def _write(self, programs: Sequence[Program], socket: Path) -> None:
        by_file = {self._variables(program): program for program in programs}
        content = configuration(by_file, socket, self.logs, self._pidfile)
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(content)

    def _variables(self, program: Program) -> Path:
        """A file of the program's variables, named by what it holds: another one starts it anew."""
        content = json.dumps(dict(program.environ), sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        file = self.folder / f"{program.name}-{digest}.json"
        file.touch(mode=0o600)
        file.write_text(content)
        return file

    def _socket(self) -> Path:
        return Path(self._socket_at.read_text())

    def _take_over_changes(self) -> None:
        added, changed, removed = self._ask("reloadConfig")[0]
        for name in [*changed, *removed]:
            self._ask("stopProcessGroup", name)
            self._ask("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._ask("addProcessGroup", name)

    def _ask(self, what: str, *arguments: str) -> Any:
        transport = _transport().SupervisorTransport(None, None, f"unix://{self._socket()}")
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, what)(*arguments)
            except Fault as error:
                raise SluiceError(
                    f"supervisord refuses {what} {' '.join(arguments)}: {error.faultString}"
                ) from error
            except OSError as error:
                raise SluiceError(
                    f"supervisord (pid {self.pid}) does not answer: {error}; see {self.logs}"
                ) from error


def _transport() -> "ModuleType":
    from supervisor import xmlrpc

    return xmlrpc


def ensure_installed() -> None:
    """Refuse where supervisord is not installed, before anything is started.

    Raises:
        ModuleNotFoundError: it is not; the command line says which extra has it.
    """
    import supervisor.supervisord  # noqa: F401
