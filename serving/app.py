"""The HTTP interface as an ASGI app: POST /rank, GET /livez, /readyz and /metrics.

Errors are JSON, `{"error": "..."}`, and never repeat what was sent.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving.ranking_server import RankingServer, Serving
from serving.request import MAX_BODY_BYTES, RankRequest, Rejected, parse_rank
from serving.scorer import Ranking
from serving.telemetry import Exposition, exposition_text
from sluice.errors import IntegrityError

BODY_SECONDS = 10.0
"""How long a client may take to send its body."""

_CLOSED_BY_CLIENT = 499
_LOG = logging.getLogger(__name__)
_ERROR_HEADERS = {
    # The rest of a body that is too long or too slow would otherwise be read and thrown away.
    408: {"connection": "close"},
    413: {"connection": "close"},
    503: {"retry-after": "1"},
}
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def ranking_app(server: Callable[[], RankingServer]) -> Starlette:
    """The app; `server` is called on every request, so that the app can be made before the server."""

    async def rank(request: Request) -> Response:
        return await _rank(server(), request)

    async def livez(_: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(_: Request) -> Response:
        return _readiness(server())

    async def metrics(_: Request) -> Response:
        return _metrics(server())

    return Starlette(
        routes=[
            Route("/rank", rank, methods=["POST"]),
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_error},
    )


async def _rank(server: RankingServer, request: Request) -> Response:
    begun = time.perf_counter()
    try:
        _check_content_type(request)
        asked = parse_rank(await _body(request))
        request_id = asked.request_id or uuid.uuid4().hex
        serving, ranking = server.rank(asked, request_id)
        response = _json(_answer(asked, request_id, serving, ranking))
    except Rejected as error:
        response = _error(error.status, str(error))
    except IntegrityError:
        _LOG.exception("the release in service cannot answer")
        response = _error(500, "the release in service cannot answer; see the server's log")
    except ClientDisconnect:
        response = _error(_CLOSED_BY_CLIENT, "the client went away")
    server.telemetry.observe(response.status_code, time.perf_counter() - begun)
    return response


def _check_content_type(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise Rejected(415, "send application/json in UTF-8")


async def _body(request: Request) -> bytes:
    """The whole body; reading stops at the cap, whatever length was declared."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise Rejected(413, f"the body may have {MAX_BODY_BYTES} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Rejected(413, f"the body may have {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise Rejected(408, f"the body did not arrive within {BODY_SECONDS:g} s") from error
    return bytes(body)


def _answer(
    asked: RankRequest, request_id: str, serving: Serving, ranking: Ranking
) -> dict[str, Any]:
    order, scores = ranking.order.tolist(), ranking.scores.tolist()
    items = [
        {"item_id": asked.candidates[row], "score": scores[row], "position": position}
        for position, row in enumerate(order, start=1)
    ]
    answer: dict[str, Any] = {"request_id": request_id, "release": serving.release.digest}
    if serving.epoch is not None:
        answer["epoch"] = serving.epoch
    return answer | {"items": items}


def _readiness(server: RankingServer) -> Response:
    """200 only where a release is in service, which its golden requests have let through."""
    if server.serving is None:
        status = "refused" if server.refusal else "starting"
        error = server.refusal or "no release has been verified yet"
        return _json({"status": status, "error": error}, 503)
    ready = {"status": "ready", "release": server.serving.release.digest}
    return _json(ready | ({"refused": server.refusal} if server.refusal else {}))


def _metrics(server: RankingServer) -> Response:
    labels: dict[str, str] = {}
    if server.serving:
        provenance = server.serving.release.manifest.provenance
        labels = {
            "digest": server.serving.release.digest,
            "surface": provenance.surface,
            "version": str(provenance.version),
        }
    text = exposition_text(Exposition(server.telemetry, server.log_counts(), labels))
    return Response(
        text, media_type="text/plain; version=0.0.4; charset=utf-8", headers=_HEADERS
    )


def _json(content: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content), status, media_type="application/json", headers=_HEADERS
    )


def _error(status: int, message: str) -> Response:
    response = _json({"error": message}, status)
    response.headers.update(_ERROR_HEADERS.get(status, {}))
    return response


async def _http_error(_: Request, error: Exception) -> Response:
    """Starlette's own refusals, such as 404 and 405, in our form."""
    if not isinstance(error, HTTPException):
        raise error
    response = _error(error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response
