"""What stands before the pages of other projects: the names they answer to, and who may write.

A page on the web may ask a server on its reader's machine: under a host name of its own that it
lets point to 127.0.0.1, or across origins, from the reader's browser. Neither gets past the door.
"""

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
SIGN_IN = "/sign-in"
"""Path of the page that signs a browser in with what follows the # in its address."""

_NAMES = (HOST, "localhost")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Refusal:
    """An answer that ends a request at the door."""

    status: int
    reason: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, also to who wanted a WebSocket."""
        response = PlainTextResponse(
            self.reason, self.status, {"cache-control": "no-store"}
        )
        await response(scope, receive, send)


def origins(port: int) -> tuple[str, ...]:
    """Origins of the pages that a server on this port shows."""
    return tuple(f"http://{name}:{port}" for name in _NAMES)


def doored(app: ASGIApp, port: int) -> ASGIApp:
    """The app, asked by its own names alone (else 400) and written to by its own pages (else 403)."""
    own = _OwnOrigin(app, frozenset(origins(port)))
    return TrustedHostMiddleware(own, allowed_hosts=list(_NAMES), www_redirect=False)


class _OwnOrigin:
    """Refuses what a foreign page writes, or opens as a WebSocket; who sends no Origin is no browser."""

    def __init__(self, app: ASGIApp, own: Collection[str]) -> None:
        self._app, self._own = app, own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "websocket" or scope.get("method", "GET") not in _READS:
            origin = Headers(scope=scope).get("origin")
            if origin is not None and origin not in self._own:
                app = Refusal(403, "only this server's own pages may do that")
        await app(scope, receive, send)


def sign_in_page(script: str) -> HTMLResponse:
    """The page that runs the script and shows nothing; no other page may hold it in a frame."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><title>Signing in</title><script>{script}</script>',
        headers={
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "content-security-policy": f"default-src 'none'; script-src 'sha256-{digest}'; "
            "connect-src 'self'; frame-ancestors 'none'",
        },
    )
