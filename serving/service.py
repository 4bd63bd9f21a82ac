"""The BentoML service: BentoML packages, starts and supervises; every route is our own app's.

Only BentoML imports this module, so it may import BentoML. BentoML would put its own /livez,
/readyz, /metrics and /schema.json before any mounted app and its documentation behind it, so the app
stands in front of them all as the innermost middleware. BentoML's own metrics, access log and spans
are off: they cost several times what a ranking does, and the app counts for itself.
"""

import os

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.serving.app import ranking_app
from sluice.serving.capped_protocol import cap_uvicorn
from sluice.serving.guards import guarded
from sluice.serving.head_limits import head_limits
from sluice.serving.light_imports import hide_unasked
from sluice.serving.ranking_server import RankingServer
from sluice.serving.start import ranking_server
from sluice.serving.worker_life import live_with_supervisor

hide_unasked()
cap_uvicorn(head_limits(os.environ))


@bentoml.service(
    name="ranking",
    workers=1,
    traffic={"timeout": 30},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    # BentoML's schema wants an address object here, its YAML writer a text.
    http={"host": "127.0.0.1"},  # pyright: ignore[reportArgumentType]
)
class RankingService:
    """One worker's ranking server, started and stopped with it."""

    def __init__(self) -> None:
        self.server = ranking_server()

    @bentoml.on_startup
    async def begin(self) -> None:
        """Look for a release; requests get 503 until one is verified."""
        live_with_supervisor()
        self.server.start()
        _running.append(self.server)

    @bentoml.on_shutdown
    async def end(self) -> None:
        """Flush the prediction log."""
        _running.remove(self.server)
        await self.server.stop()


_running: list[RankingServer] = []
"""The server of this worker process; the middleware below is made before it."""


class OwnRoutes:
    """Answers every request with our app, and lets the start and stop of the process through."""

    def __init__(self, app: ASGIApp) -> None:
        self._bentoml = app
        self._own = guarded(ranking_app(lambda: _running[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._bentoml if scope["type"] == "lifespan" else self._own)(
            scope, receive, send
        )


# BentoML's protocol for a middleware describes a function, and no class fits it.
RankingService.add_asgi_middleware(OwnRoutes)  # pyright: ignore[reportArgumentType]
