"""An ASGI app and its HTTP client in one process, driven from synchronous tests."""

import json

import httpx

from sluice.serving.app import ranking_app
from tests.lib.twin_server import NOW

JSON = {"content-type": "application/json"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


class InProcess:
    """Calls an app over `httpx.ASGITransport`."""

    def __init__(self, runner, app):
        self._runner, self._transport = runner, httpx.ASGITransport(app=app)

    def call(self, method, path, **request):
        async def send():
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://localhost"
            ) as client:
                return await client.request(method, path, **request)

        return self._runner.run(send())

    def post(self, path, body, **request):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, content=content, **({"headers": JSON} | request))


def twin_app(twin, lanes=None):
    """The app over the port's twin, at the twin's time."""
    return ranking_app(lambda: twin, lanes, clock=lambda: NOW)
