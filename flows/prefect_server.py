"""`python -m sluice.flows.prefect_server PORT [short]`: Prefect's server, behind this installation's credential.

Whoever reaches Prefect's API may start our flows, which hold the signing key, and may rewrite its
deployments. So nothing is answered without the credential but whether the server is up. It comes
from a file and goes into no argument and no log.
"""

import base64
import hmac
import os
import sys

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.data.private_files import secret_in
from sluice.door import HOST, SIGN_IN, Refusal, doored, origins, sign_in_page
from sluice.settings import Settings, apply_environment, load_settings

SHORT = "short"
"""For the flow runs of one command: no pages, no schedules."""

_USER = "sluice"
_PROBES = frozenset({"/api/health", "/api/ready"})
_CLOSED = ("/docs", "/redoc", "/openapi.json", "/v2")
"""What Prefect shows to everybody besides, and its newer pages, which ask Amplitude how to behave."""

_SIGN_IN_SCRIPT = (
    # Where Prefect's own form keeps what is typed there.
    'localStorage.setItem("prefect-password", location.hash.slice(1));location.replace("/runs")'
)


def credential(settings: Settings) -> str:
    """User and secret of this installation's Prefect, as Prefect takes them; drawn at first need.

    Raises:
        ConfigError: others may read the file it is kept in.
    """
    return f"{_USER}:{secret_in(settings.credentials / 'prefect')}"


def api_url(port: int) -> str:
    return f"http://{HOST}:{port}/api"


def sign_in_address(settings: Settings, url: str) -> str:
    """Address that signs a browser in; what follows the # is sent to no server."""
    return f"{url}{SIGN_IN}#{_encoded(credential(settings))}"


def server_variables(secret: str, port: int) -> dict[str, str]:
    """Variables that the server's process reads when it imports Prefect."""
    return {
        "PREFECT_API_URL": api_url(port),
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins(port)),
        "PREFECT_SERVER_UI_API_URL": api_url(port),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
    }


def guarded(app: ASGIApp, secret: str, port: int) -> ASGIApp:
    """Prefect's app behind the credential, with a page that signs a browser in."""
    return doored(_Door(app, secret), port)


class _Door:
    """Answers what needs no credential, and lets who has it through to Prefect."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app, self._expected = app, f"Basic {_encoded(secret)}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app if scope["type"] != "http" else self._answer(scope)
        await answer(scope, receive, send)

    def _answer(self, scope: Scope) -> ASGIApp:
        path = scope["path"]
        if path == SIGN_IN:
            return sign_in_page(_SIGN_IN_SCRIPT)
        if any(path == label or path.startswith(f"{label}/") for label in _CLOSED):
            return Refusal(404, "closed here")
        if not _is_api(path) or scope["method"] == "OPTIONS" or self._admits(scope):
            return self._app
        # Prefect asks too, but for a write only after a token that it gives to nobody else.
        return JSONResponse({"exception_message": "Unauthorized"}, 401)

    def _admits(self, scope: Scope) -> bool:
        sent = Headers(scope=scope).get("authorization", "")
        return scope["path"] in _PROBES or hmac.compare_digest(
            sent.encode(), self._expected
        )


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _encoded(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


def serve(port: int, *, short: bool) -> None:
    """Serve on loopback until stopped, over the database of the home that the environment names."""
    settings = load_settings(os.environ)
    apply_environment(settings)
    secret = credential(settings)
    os.environ.update(server_variables(secret, port))
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=short, final=True)
    uvicorn.run(guarded(app, secret, port), host=HOST, port=port, log_level="error")


if __name__ == "__main__":
    serve(int(sys.argv[1]), short=SHORT in sys.argv[2:])
