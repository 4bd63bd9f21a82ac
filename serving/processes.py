"""A process and its descendants, as Linux's /proc tells: what they use, and how to end them."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Process:
    """A pid with its start time, for a pid alone may be given to another process later."""

    pid: int
    started: int
    """Clock ticks since boot."""

    @property
    def alive(self) -> bool:
        """Running still; a zombie is not."""
        fields = _stat(self.pid)
        return bool(fields) and fields[0] != "Z" and int(fields[19]) == self.started

    def send(self, number: int) -> None:
        """Send a signal, unless the process is gone."""
        with suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)


def tree(pid: int) -> tuple[Process, ...]:
    """The process and all its descendants, parents first; empty where it is gone."""
    children: dict[int, list[int]] = {}
    started: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            started[int(entry.name)] = int(fields[19])
    members = [pid] if pid in started else []
    for member in members:
        members += children.get(member, [])
    return tuple(Process(member, started[member]) for member in members)


def session(leader: int) -> tuple[Process, ...]:
    """The processes of a session, also those that a dead leader left behind."""
    fields = {
        entry.name: _stat(int(entry.name))
        for entry in _PROC.iterdir()
        if entry.name.isdecimal()
    }
    return tuple(
        Process(int(pid), int(field[19]))
        for pid, field in fields.items()
        if field and int(field[3]) == leader
    )


def resident_mb(pid: int) -> float:
    """Memory that the process and its descendants hold, in MiB: the sum of their resident sets."""
    return sum(_resident_kib(process.pid) for process in tree(pid)) / _KIB_PER_MIB


def cpu_seconds(pid: int) -> float:
    """CPU that the process and its descendants have used, those included that have ended."""
    ticks = sum(
        sum(map(int, fields[11:15]))
        for fields in (_stat(process.pid) for process in tree(pid))
        if fields
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def end(processes: Iterable[Process], grace_seconds: float) -> None:
    """Ask the first to stop, wait for all, and kill what is left of them after the grace."""
    ours = tuple(processes)
    _end(ours[:1], ours, grace_seconds)


def end_sessions(leaders: Iterable[int], grace_seconds: float) -> None:
    """Ask all processes of these sessions to stop, and kill what is left of them after the grace."""
    ours = tuple(process for leader in leaders for process in session(leader))
    _end(ours, ours, grace_seconds)


def _end(
    query: tuple[Process, ...], ours: tuple[Process, ...], grace_seconds: float
) -> None:
    for process in query:
        process.send(signal.SIGTERM)
    if not wait_gone(ours, grace_seconds):
        for process in ours:
            process.send(signal.SIGKILL)
        wait_gone(ours, grace_seconds)


def wait_gone(processes: Iterable[Process], seconds: float) -> bool:
    """Whether all have ended within that time."""
    ours = tuple(processes)
    until = time.monotonic() + seconds
    while alive := any(process.alive for process in ours):
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return not alive


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; empty where it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The name before may hold anything, spaces and brackets as well.
    return text.rpartition(")")[2].split()


def _resident_kib(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
