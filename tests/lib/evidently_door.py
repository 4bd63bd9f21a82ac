"""What a stranger may try at Evidently's door, put to it without Evidently; and doors left open."""

import asyncio
from typing import Any

import httpx
from starlette.responses import PlainTextResponse

from sluice import door
from sluice.monitors import evidently_server

PORT = 8000
KEY = "a key of this test"
BASE = f"http://127.0.0.1:{PORT}"
EVIL = "http://evil.example"
_LOCAL = "http://127.0.0.1:9999"
"""A page of another server on this machine: for a browser the same site, so its cookies are sent."""

STRANGERS = (
    ("GET", "/api/projects", {}, 401),
    ("GET", "/", {}, 401),
    ("DELETE", "/api/projects/x", {}, 401),
    ("POST", "/api/version", {}, 401),
    ("GET", "/api/projects", {"cookie": f"{evidently_server.COOKIE}=x"}, 401),
    ("GET", "/api/projects", {"cookie": f"{evidently_server.COOKIE}={KEY}"}, 401),
    ("GET", "/api/version", {"host": "evil.example"}, 400),
    ("POST", "/sign-in", {"origin": EVIL}, 403),
)
SIGNED_IN = (
    ("GET", "/api/projects", {}, 200),
    ("DELETE", "/api/projects/x", {"origin": BASE}, 200),
    ("DELETE", "/api/projects/x", {"origin": EVIL}, 403),
    ("DELETE", "/api/projects/x", {"origin": _LOCAL}, 403),
    ("GET", "/api/projects", {"host": "evil.example"}, 400),
)


def entered() -> list[str]:
    """By request what is wrong: empty where the door answered as it has to."""
    return asyncio.run(_entered())


async def _entered() -> list[str]:
    served = evidently_server.guarded(PlainTextResponse("a dashboard"), KEY, PORT)
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        wrong = [await _answer(client, *each) for each in STRANGERS]
        wrong.append(await _answer(client, "GET", "/api/version", {}, 200))
        refused = await client.post("/sign-in", content=b"another key")
        wrong.append("" if refused.status_code == 401 else "another key signs in")
        answer = await client.post(
            "/sign-in", content=KEY.encode(), headers={"origin": BASE}
        )
        cookie = answer.headers.get("set-cookie", "").lower()
        kept = "httponly" in cookie and "samesite=strict" in cookie and KEY not in cookie
        wrong.append("" if kept else f"the cookie is {cookie!r}")
        return wrong + [await _answer(client, *each) for each in SIGNED_IN]


async def _answer(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int
) -> str:
    answer = await client.request(method, path, headers=headers)
    seen = answer.status_code
    return "" if seen == status else f"{method} {path} {headers}: {seen}, not {status}"


async def _straight(self: Any, scope: Any, receive: Any, send: Any) -> None:
    await self._app(scope, receive, send)


def any_cookie() -> tuple[Any, str, Any]:
    """G30: the dashboards ask nobody for the key."""
    return evidently_server._Door, "_admits", lambda *_: True


def any_page_writes() -> tuple[Any, str, Any]:
    """G30: another server's page deletes a dashboard with its reader's cookie."""
    return door._OwnOrigin, "__call__", _straight


def any_host() -> tuple[Any, str, Any]:
    """G30: a page's own name for 127.0.0.1 is answered."""
    return door, "TrustedHostMiddleware", lambda app, **_: app


MUTANTS = (any_cookie, any_page_writes, any_host)
