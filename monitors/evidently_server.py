"""`python -m sluice.monitors.evidently_server WORKSPACE PORT KEY`: the dashboards, behind a key in a file.

Evidently's own secret guards what is written alone, and its pages cannot be opened with a name and
a password in their address. So a page of ours takes the key from what follows the # in its address,
and gets a cookie for it that no script reads and no foreign page sends.
"""

import hmac
import secrets
import sys
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.data.private_files import secret_in
from sluice.door import HOST, SIGN_IN, Refusal, doored, sign_in_page

HEALTH = "/api/version"
"""What everybody may ask: whether the server is up."""
COOKIE = "sluice-evidently"
HOUSE = "/house"
"""Path of the page that shows the whole installation, where the server is started with one."""

_MOST_BYTES = 1024
_SIGN_IN_SCRIPT = (
    # What follows the key says which page is wanted; none but ours is ever gone to.
    f'let [k,p]=location.hash.slice(1).split("/");fetch("{SIGN_IN}",{{method:"POST",body:k}})'
    f'.then(r=>r.ok?location.replace(p==="house"?"{HOUSE}":"/"):'
    'document.write("Not signed in: open the address that sluice ui prints."))'
)
_STRANGER = Refusal(401, "sign in by the address that `sluice ui` prints")


def sign_in_address(key: Path, url: str) -> str:
    """Address that signs a browser in; what follows the # is sent to no server."""
    return f"{url}{SIGN_IN}#{secret_in(key)}"


def house_address(key: Path, url: str) -> str:
    """As `sign_in_address`, and then to the page of the whole installation."""
    return f"{sign_in_address(key, url)}{HOUSE}"


def guarded(app: ASGIApp, key: str, port: int) -> ASGIApp:
    """The dashboards' app for who has the key."""
    return doored(_Door(app, key), port)


class _Door:
    """Changes the key for a cookie, and lets who has it through; the next start knows none of them."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key, self._session = app, key, secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http" and scope["path"] == SIGN_IN:
            answer = await self._signed_in(Request(scope, receive))
        elif scope["type"] != "lifespan" and not self._admits(scope):
            answer = _STRANGER
        await answer(scope, receive, send)

    async def _signed_in(self, request: Request) -> ASGIApp:
        if request.method != "POST":
            return sign_in_page(_SIGN_IN_SCRIPT)
        sent = b""
        async for part in request.stream():
            sent += part
            if len(sent) > _MOST_BYTES:
                return _STRANGER
        if not hmac.compare_digest(sent, self._key.encode()):
            return _STRANGER
        response = Response(status_code=204)
        response.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")
        return response

    def _admits(self, scope: Scope) -> bool:
        if scope["path"] == HEALTH and scope.get("method") == "GET":
            return True
        sent = _cookie(Headers(scope=scope).get("cookie", ""))
        return hmac.compare_digest(sent.encode(), self._session.encode())


def _cookie(header: str) -> str:
    """Value of our cookie; empty, which is never valid, where there is none."""
    try:
        jar = SimpleCookie(header)
    except CookieError:
        return ""
    return jar[COOKIE].value if COOKIE in jar else ""


def with_house(dashboards: ASGIApp, house: ASGIApp) -> ASGIApp:
    """The dashboards, and the page of the whole installation beside them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_house = scope["type"] == "http" and scope["path"] == HOUSE
        await (house if is_house else dashboards)(scope, receive, send)

    return app


def serve(workspace: Path, port: int, key: Path, house: ASGIApp | None = None) -> None:
    """Serve on loopback until stopped; reports home unless `DO_NOT_TRACK` is set, to anything.

    Args:
        workspace: of the dashboards.
        port: of this machine.
        key: file of what opens the pages.
        house: shown beside the dashboards, under `HOUSE`.
    """
    import uvicorn
    from evidently.ui.service.app import create_app, get_config

    app: Any = create_app(get_config(host=HOST, port=port, workspace=str(workspace)))
    if house is not None:
        app = with_house(app, house)
    uvicorn.run(guarded(app, secret_in(key), port), host=HOST, port=port, log_level="error")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
