"""Ties a worker to its supervisor: it stops with it, and is gone soon after whatever it waits for."""

import os
import signal
import threading
import time

from sluice.child import SELF, end_with

GRACE_SECONDS = 20.0
"""From the supervisor's death to the worker's, at most; requests in flight finish within it."""

_LOOK_SECONDS = 0.5


def live_with_supervisor(grace_seconds: float = GRACE_SECONDS) -> None:
    """Have this process asked to stop when its supervisor dies, and killed where it does not."""
    supervisor = int(os.environ.get(SELF, os.getppid()))
    end_with(supervisor)
    watch = threading.Thread(
        target=_outlive,
        args=(supervisor, grace_seconds),
        name="supervisor watch",
        daemon=True,
    )
    watch.start()


def _outlive(supervisor: int, grace_seconds: float) -> None:
    while os.getppid() == supervisor:
        time.sleep(_LOOK_SECONDS)
    # The request to stop came when it died; who does not hear it now waits for something endless.
    time.sleep(grace_seconds)
    os.kill(os.getpid(), signal.SIGKILL)
