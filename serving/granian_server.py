"""Granian's supervisor, with a mind of its own about workers that die."""

import time
from typing import Any

from granian.server import MPServer

SHORT_LIFE_SECONDS = 1.0
"""A worker that did not live longer is given a pause before the next."""
PAUSE_SECONDS = 0.5


class PatientServer(MPServer):
    """Brings back a worker that was killed, however often that happens.

    Granian ends the whole service when one worker dies twice within 5.5 s, so that whoever can
    kill a worker twice would stop all of them. That is kept only for a worker that ends by itself
    with an error, which is how one ends that cannot start.
    """

    def _respawn_workers(
        self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        dead = [self.wrks[index] for index in workers]
        if any(time.monotonic() - worker.birth < SHORT_LIFE_SECONDS for worker in dead):
            # Ctrl-C and SIGTERM are looked at after it.
            time.sleep(PAUSE_SECONDS)
        killed = all((worker.inner.exitcode or 0) < 0 for worker in dead)
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        if killed:
            self.respawned_wrks.clear()
