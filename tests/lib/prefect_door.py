"""What a stranger may try at Prefect's door, put to the real app without a port; and doors left open.

The app's background services do not run: who is refused is refused before there is a database.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx

from sluice import door
from sluice.flows import prefect_server

PORT = 4200
SECRET = "sluice:a secret of this test"
BASE = f"http://127.0.0.1:{PORT}"
EVIL = "http://evil.example"


@dataclass(frozen=True)
class Attempt:
    """One request, and the only answers that keep the door shut."""

    what: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    refused: tuple[int, ...] = (401,)
    signed_in: bool = False


_JSON = {"content-type": "application/json"}
_PREFLIGHT = {
    "origin": EVIL,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
}

ATTEMPTS = (
    Attempt("read", "POST", "/api/deployments/filter", _JSON),
    Attempt("read by GET", "GET", "/api/admin/settings"),
    Attempt("start a run", "POST", "/api/deployments/x/create_flow_run", _JSON),
    Attempt("rewrite a deployment", "PATCH", "/api/deployments/x", _JSON),
    Attempt("a token for writes", "GET", "/api/csrf-token?client=x"),
    Attempt("another credential", "GET", "/api/admin/version", {"authorization": "Basic eDp5"}),
    Attempt("another host", "GET", "/api/health", {"host": "evil.example"}, (400,)),
    Attempt("another host, signed in", "GET", "/api/admin/version", {"host": "evil.example:4200"},
            (400,), signed_in=True),
    Attempt("a foreign preflight", "OPTIONS", "/api/deployments/x/create_flow_run", _PREFLIGHT, (400, 403)),
    Attempt("a foreign page writes, signed in", "POST", "/api/deployments/filter",
            {**_JSON, "origin": EVIL}, (403,), signed_in=True),
    Attempt("no token for a write, signed in", "POST", "/api/deployments/filter", _JSON, (403,),
            signed_in=True),
    Attempt("the outer app's docs", "GET", "/docs", refused=(404,)),
    Attempt("the outer app's schema", "GET", "/openapi.json", refused=(404,)),
    Attempt("the API's docs", "GET", "/api/docs"),
)  # fmt: skip


def entered() -> list[str]:
    """By attempt at the app in this process what is wrong: empty where it was refused as it has to be."""
    from prefect.context import SettingsContext, get_settings_context
    from prefect.server.api.server import create_app
    from prefect.settings import Settings

    profile = get_settings_context().profile
    variables = prefect_server.server_variables(SECRET, PORT)
    with mock.patch.dict(os.environ, variables):
        context = SettingsContext(profile=profile, settings=Settings())
    # Prefect reads some of them with every request.
    with context:
        bare = create_app(context.settings, ephemeral=True, ignore_cache=True)
        served = prefect_server.guarded(bare, SECRET, PORT)
        return asyncio.run(_entered(served))


async def _entered(served: Any) -> list[str]:
    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        return [*await tried(client, SECRET), await _listened(served)]


async def tried(client: httpx.AsyncClient, secret: str) -> list[str]:
    """By attempt at a server what is wrong; last, whether it lets its owner in.

    Args:
        client: of the server.
        secret: its credential, user and secret.
    """
    user, _, password = secret.partition(":")
    auth = (user, password)
    wrong = [await _answer(client, each, auth) for each in ATTEMPTS]
    own = await client.get("/api/admin/version", auth=auth)
    page = await client.get("/sign-in")
    return [
        *wrong,
        "" if own.status_code == 200 else f"the owner is refused: {own.status_code}",
        "" if page.status_code == 200 and password not in page.text else "no sign-in page",
    ]


async def _answer(
    client: httpx.AsyncClient, attempt: Attempt, auth: tuple[str, str]
) -> str:
    answer = await client.request(
        attempt.method, attempt.path, headers=attempt.headers,
        auth=auth if attempt.signed_in else None,
        content=b"{}" if "content-type" in attempt.headers else None,
    )  # fmt: skip
    if answer.status_code not in attempt.refused:
        return f"{attempt.what}: {answer.status_code}"
    if answer.headers.get("access-control-allow-origin") in {"*", EVIL}:
        return f"{attempt.what}: the answer may be read by {EVIL}"
    return ""


async def _listened(served: Any) -> str:
    """Whether somebody hears Prefect's events without the secret."""
    said, heard = asyncio.Queue[dict[str, Any]](), asyncio.Queue[dict[str, Any]]()
    scope = {
        "type": "websocket", "path": "/api/events/out", "raw_path": b"/api/events/out",
        "query_string": b"", "root_path": "", "scheme": "ws", "subprotocols": ["prefect"],
        "headers": [(b"host", f"127.0.0.1:{PORT}".encode()), (b"sec-websocket-protocol", b"prefect")], "asgi": {"version": "3.0"},
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", PORT), "extensions": {},
    }  # fmt: skip
    await said.put({"type": "websocket.connect"})
    token = json.dumps({"type": "auth", "token": "x"})
    await said.put({"type": "websocket.receive", "text": token})
    talk = asyncio.create_task(served(scope, said.get, heard.put))
    try:
        while (message := await heard.get())["type"] == "websocket.accept":
            pass
    finally:
        talk.cancel()
    return "" if message.get("code") == 1008 else f"events: {message}"


def _variables(**changed: str) -> Callable[[str, int], dict[str, str]]:
    honest = prefect_server.server_variables
    return lambda secret, port: {**honest(secret, port), **changed}


def the_door_admits_all() -> tuple[Any, str, Any]:
    """G30: nobody stands before Prefect, which answers a write with the lack of a token alone."""
    return prefect_server._Door, "_admits", lambda *_: True


def prefect_admits_all() -> tuple[Any, str, Any]:
    """G30: Prefect itself asks nobody who they are, which its WebSockets need."""
    honest = prefect_server.server_variables

    def without(secret: str, port: int) -> dict[str, str]:
        found = honest(secret, port)
        return {
            name: found[name] for name in found if name != "PREFECT_SERVER_API_AUTH_STRING"
        }

    return prefect_server, "server_variables", without


def any_host() -> tuple[Any, str, Any]:
    """G30: a page's own name for 127.0.0.1 is answered."""
    return door, "TrustedHostMiddleware", lambda app, **_: app


def any_origin() -> tuple[Any, str, Any]:
    """G30: every page may ask across origins."""
    changed = _variables(PREFECT_SERVER_CORS_ALLOWED_ORIGINS="*")
    return prefect_server, "server_variables", changed


def no_token() -> tuple[Any, str, Any]:
    """G30: a write needs no token of this server."""
    changed = _variables(PREFECT_SERVER_CSRF_PROTECTION_ENABLED="false")
    return prefect_server, "server_variables", changed


def open_docs() -> tuple[Any, str, Any]:
    """G30: the outer app tells everybody of its routes."""
    return prefect_server, "_CLOSED", ()


MUTANTS = (
    the_door_admits_all,
    prefect_admits_all,
    any_host,
    any_origin,
    no_token,
    open_docs,
)
