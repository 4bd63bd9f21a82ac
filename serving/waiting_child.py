"""A child process that has imported what a trial load needs before there is anything to try.

A server's start would otherwise import everything twice, one after the other: itself, and then in
the sandbox. The supervisor starts this child beside its own imports; whoever has the first command
for it takes it, and later commands start children of their own.
"""

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Self

WAITING = "SLUICE_WAITING_CHILD"
"""Variable that hands the child on to the processes forked from the one that started it."""
MODULE = "sluice.serving.sandbox"
"""The one program that it will run."""

_STARTED: list[subprocess.Popen[bytes]] = []
"""Kept, for Python asks after those that it forgets."""
_FREE = b"."
_MOST_BYTES = 65_536


@dataclass(frozen=True)
class WaitingChild:
    """The child, the way to it, and a pipe with one byte in it for who takes it."""

    pid: int
    channel: int
    turn: int

    @classmethod
    def start(cls, environ: Mapping[str, str]) -> Self:
        """Start it; it ends when every process that could take it is gone."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        _STARTED.append(process)
        turn, give = os.pipe()
        os.write(give, _FREE)
        os.close(give)
        return cls(process.pid, ours.detach(), turn)

    def offer(self) -> None:
        """Let this process and those forked from it find the child."""
        os.environ[WAITING] = f"{os.getpid()} {self.pid} {self.channel} {self.turn}"

    @classmethod
    def offered(cls) -> Self | None:
        """The child that this process, or the one that it was forked from, has offered."""
        words = os.environ.get(WAITING, "").split()
        if len(words) != 4 or int(words[0]) not in {os.getpid(), os.getppid()}:
            return None
        return cls(*map(int, words[1:]))

    def take(self) -> socket.socket | None:
        """The way to the child, for the first who asks."""
        if os.read(self.turn, 1) != _FREE:
            return None
        return socket.socket(fileno=os.dup(self.channel))


def run_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: int,
    stdout: IO[bytes],
    stderr: IO[bytes],
    timeout: float,
) -> int:
    """Run a command to its end in a child process, in the waiting one where there is one.

    Args:
        command: the interpreter, `-P -m`, a module and its arguments.
        env: of the child; the waiting one was started with its own.
        stdin: handle of what it reads.
        stdout: file that its output goes to.
        stderr: file that its errors go to.
        timeout: seconds, after which it is killed.

    Returns:
        Its exit code.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    waiting = WaitingChild.offered() if list(command[1:4]) == ["-P", "-m", MODULE] else None
    channel = waiting.take() if waiting else None
    if waiting and channel:
        with channel:
            handles = (stdin, stdout.fileno(), stderr.fileno())
            code = _run_in(waiting, channel, command, handles, timeout)
        if code is not None:
            return code
        # It died and nobody here is its parent, so why is seen only in a child of our own.
        for file in (stdout, stderr):
            file.seek(0)
            file.truncate()
        os.lseek(stdin, 0, os.SEEK_SET)
    done = subprocess.run(
        command,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        timeout=timeout,
        check=False,
    )
    return done.returncode


def _run_in(
    waiting: WaitingChild,
    channel: socket.socket,
    command: Sequence[str],
    handles: tuple[int, int, int],
    seconds: float,
) -> int | None:
    """Exit code of the waiting child; None where it ended without one."""
    arguments = json.dumps(list(command[4:])).encode()
    numbers = array.array("i", handles)
    with suppress(OSError):
        channel.sendmsg([arguments], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        if not select.select([channel], [], [], seconds)[0]:
            os.kill(waiting.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(command), seconds)
        message = channel.recv(_MOST_BYTES)
        return int(message) if message else None
    return None


def _wait(channel: socket.socket) -> None:
    """In the child: import, wait for the command, run it, and say how it ended."""
    from sluice.serving.light_imports import hide_unasked, import_ahead, load_kernels

    hide_unasked()
    import_ahead()
    load_kernels()
    message, numbers, _, _ = socket.recv_fds(channel, _MOST_BYTES, 3)
    if not message:
        return
    for number, standard in zip(numbers, (0, 1, 2), strict=True):
        os.dup2(number, standard)
    from sluice.serving.sandbox import run

    code = run(json.loads(message))
    sys.stdout.flush()
    channel.send(str(code).encode())


if __name__ == "__main__":
    _wait(socket.socket(fileno=int(sys.argv[1])))
