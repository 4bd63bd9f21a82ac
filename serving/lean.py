"""The app under granian: our routes alone, with the ranking server started and stopped around them.

Granian lets a worker take connections only after the start-up here is complete, so a worker that
comes back after it was killed answers nothing until its release is verified.
"""

import gc
import logging
import sys

from starlette.types import Receive, Scope, Send

from sluice.errors import SluiceError
from sluice.serving.app import ranking_app
from sluice.serving.guards import guarded
from sluice.serving.ranking_server import RankingServer
from sluice.serving.start import ranking_server, settled
from sluice.serving.worker_life import live_with_supervisor

SWITCH_SECONDS = 0.0005
"""After which the thread that takes events lets the one that answers go on, where both are in Python."""
COLLECTED_AFTER = (50_000, 20, 50)
"""Objects of the youngest and times of the younger generations: by default an answer of 100 candidates
would make for most of a collection, and it leaves no cycles behind."""

_LOG = logging.getLogger(__name__)


class LeanApp:
    """One worker's app."""

    def __init__(self) -> None:
        self._server: RankingServer | None = None
        self._app = guarded(ranking_app(self._running))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    def _running(self) -> RankingServer:
        if self._server is None:
            raise RuntimeError("a request came before the worker was started")
        return self._server

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        live_with_supervisor()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._server = ranking_server()
        except SluiceError as error:
            _LOG.error("the worker cannot start: %s", error)
            await send({"type": "lifespan.startup.failed"})
            return
        self._server.start()
        if not await settled(self._server):
            _LOG.warning("no release is verified yet; /readyz says when one is")
        # What is loaded by now stays, so a full collection need not walk over it while somebody waits.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTED_AFTER)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._server.stop()
        await send({"type": "lifespan.shutdown.complete"})
