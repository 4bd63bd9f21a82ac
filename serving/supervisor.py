"""`python -m sluice.serving.supervisor`: starts granian's workers, and starts them again when they die.

The code is imported here once and the workers are forked, so that a worker that was killed is back
without importing it again. Nothing of a release is read here.
"""

import argparse
import logging
import os
import resource
import sys
from typing import TYPE_CHECKING

from sluice.serving.head_limits import head_limits
from sluice.serving.sandbox import environment
from sluice.serving.trials import shared_trials
from sluice.serving.waiting_child import WaitingChild

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
WORKERS = "SLUICE_WORKERS"
"""Variable that tells the workers how many they are."""
BACKLOG = 16_384
CONNECTIONS = 40_000
"""Of one worker; granian leaves further ones unread, so it must be more than anybody holds open."""
RESPAWN_SECONDS = 0.1
STOP_SECONDS = 20
"""For requests in flight, after which a worker is killed."""


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM, and end when every worker has."""
    parser = argparse.ArgumentParser(prog="sluice.serving.supervisor", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    raise_descriptors()
    os.environ[WORKERS] = str(args.workers)
    # Before our own imports, so that both import at the same time.
    WaitingChild.start(environment()).offer()
    with shared_trials():
        supervise(args.host, args.port, args.workers)


def raise_descriptors() -> int:
    """Let this process and its children hold as many files open as the system allows; returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def supervise(host: str, port: int, workers: int) -> None:
    """Run granian around the lean app, with limits of ours throughout."""
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from sluice.serving.granian_server import PatientServer
    from sluice.serving.light_imports import (
        NEEDED,
        WORKER,
        hide_unasked,
        import_ahead,
        load_kernels,
    )

    limits = head_limits(os.environ)
    hide_unasked()
    import_ahead((*NEEDED, *WORKER))
    load_kernels()
    server = PatientServer(
        "sluice.serving.lean:LeanApp",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(
            max_buffer_size=limits.bytes, header_read_timeout=limits.milliseconds
        ),
        log_level=LogLevels.warning,
        log_access=False,
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_SECONDS,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.serve(target_loader=_app, wrap_loader=False)


def _app() -> "ASGIApp":
    """Made in the worker; granian's own loader would put the current folder before our code."""
    from sluice.serving.lean import LeanApp

    return LeanApp()


if __name__ == "__main__":
    main(sys.argv[1:])
