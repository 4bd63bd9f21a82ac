"""The HTTP interface as an ASGI app: POST /rank, /rank/batch and /events, and what tells of them.

Errors are JSON, `{"error": {"code", "field", "message"}}`, and never repeat what was sent. There is
no framework between the server and the routes: it would cost more than reading the request does.
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from sluice.data.schema import TABLES
from sluice.errors import IntegrityError
from sluice.serving.answer import answer_json, error_json, intake_json, readiness_json
from sluice.serving.body import ClientGone, MediaType, media_type, read_body
from sluice.serving.docs_page import DOCS_HEADERS, docs_page
from sluice.serving.events_body import (
    MAX_ARROW_BYTES,
    MAX_JSON_BYTES,
    parse_arrow,
    parse_events,
)
from sluice.serving.lanes import Lanes, overloaded
from sluice.serving.openapi import openapi_json
from sluice.serving.port import Answer, Intake, RankingPort, RefusedRow
from sluice.serving.problem import Code, Rejected, unfit
from sluice.serving.reply import Reply, error_reply, json_reply, text_reply
from sluice.serving.request import (
    MAX_BATCH_BODY_BYTES,
    MAX_BODY_BYTES,
    RankRequest,
    parse_batch,
    parse_rank,
)
from sluice.serving.telemetry import exposition_text, scrape
from sluice.serving.times import now_micros
from sluice.serving.tokens import is_stranger

_CLOSED_BY_CLIENT = 499
_METHODS = {"GET": frozenset({"GET", "HEAD"}), "POST": frozenset({"POST"})}
_JSON_ONLY = frozenset({MediaType.JSON})
_ROWS_PER_BYTE = 1 / 100
"""Of events; only to judge how much work a body is before it is read."""
_LOG = logging.getLogger(__name__)
_OVERLOADED = overloaded()
_TOO_MUCH = error_reply(_OVERLOADED)


@dataclass(frozen=True)
class Call:
    """One request over HTTP."""

    scope: Scope
    receive: Receive
    headers: Mapping[bytes, bytes]

    def table(self) -> str | None:
        """The table named in the query.

        Raises:
            Rejected: 422, it is none, or it is named more than once.
        """
        text = self.scope.get("query_string", b"").decode("latin-1")
        named = parse_qs(text, keep_blank_values=True).get("table", [])
        if len(named) > 1 or not TABLES.keys() >= set(named):
            message = f"table must be one of {', '.join(TABLES)}, given once"
            raise unfit("table", Code.OUT_OF_RANGE, message)
        return named[0] if named else None


Handler = Callable[[Call], Awaitable[Reply]]


class RankingApp:
    """An ASGI app over a server; the state is entered by one piece of work at a time."""

    def __init__(
        self,
        server: Callable[[], RankingPort],
        lanes: Lanes | None = None,
        clock: Callable[[], int] = now_micros,
    ) -> None:
        """Nothing runs before the first request.

        Args:
            server: asked on every request, so that the app can be made before the server.
            lanes: where work waits; share them with whatever else enters the server's state.
            clock: now, in µs since the epoch.
        """
        self.lanes = lanes or Lanes()
        self._server, self._clock = server, clock
        self._routes: dict[str, tuple[str, Handler]] = {
            "/rank": ("POST", self._rank),
            "/rank/batch": ("POST", self._batch),
            "/events": ("POST", self._events),
            "/livez": ("GET", self._livez),
            "/readyz": ("GET", self._readyz),
            "/metrics": ("GET", self._metrics),
            "/openapi.json": ("GET", self._openapi),
            "/docs": ("GET", self._docs),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other protocols than HTTP are not spoken."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            turned_away = scope["path"] == "/rank" and self.lanes.shut
            reply = self._shed() if turned_away else await self._reply(scope, receive)
            await reply.send(send, head=scope["method"] == "HEAD")

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        method, handler = self._routes.get(scope["path"], ("", None))
        try:
            if handler is None:
                return error_reply(Rejected(404, "there is no such route; see /docs"))
            if scope["method"] not in _METHODS[method]:
                return _wrong_method(method)
            return await handler(Call(scope, receive, dict(scope["headers"])))
        except Rejected as error:
            return error_reply(error)
        except ClientGone:
            return error_reply(Rejected(_CLOSED_BY_CLIENT, "the client went away"))
        except Exception as error:  # noqa: BLE001 - whatever it was, the client gets an answer
            # The text of an error of our own making may hold what was sent: to the log alone.
            _LOG.error("a request broke down", exc_info=error)
            return error_reply(_broken(error))

    def _shed(self) -> Reply:
        """Refuse a ranking unread: what refusing costs is taken from those who are answered."""
        telemetry = self._server().telemetry
        telemetry.refused(_OVERLOADED)
        telemetry.observe(_OVERLOADED.status, 0.0)
        return _TOO_MUCH

    async def _rank(self, call: Call) -> Reply:
        begun = time.perf_counter()
        telemetry, status = self._server().telemetry, 500
        try:
            media_type(call.headers, _JSON_ONLY)
            body = await read_body(call.receive, call.headers, MAX_BODY_BYTES)
            answer = await self._answer(parse_rank(body, self._clock()))
            status = 200
            return json_reply(answer_json(answer))
        except Rejected as error:
            status = error.status
            telemetry.refused(error)
            raise
        except ClientGone:
            status = _CLOSED_BY_CLIENT
            raise
        finally:
            telemetry.observe(status, time.perf_counter() - begun)

    async def _answer(self, request: RankRequest) -> Answer:
        server = self._server()
        request_id = request.request_id or secrets.token_hex(16)
        answer = await self.lanes.rank(
            partial(server.rank, request, request_id), len(request.candidates)
        )
        server.telemetry.answered(answer)
        return answer

    async def _batch(self, call: Call) -> Reply:
        """Its requests take their turns one by one, so that others get between them."""
        media_type(call.headers, _JSON_ONLY)
        body = await read_body(call.receive, call.headers, MAX_BATCH_BODY_BYTES)
        answers = [
            await self._answer_or_error(request)
            for request in parse_batch(body, self._clock())
        ]
        self._server().telemetry.batches += 1
        return json_reply({"answers": answers})

    async def _answer_or_error(self, request: RankRequest | Rejected) -> dict[str, object]:
        if isinstance(request, Rejected):
            return error_json(request)
        try:
            return answer_json(await self._answer(request))
        except Rejected as error:
            self._server().telemetry.refused(error)
            return error_json(error)

    async def _events(self, call: Call) -> Reply:
        telemetry = self._server().telemetry
        try:
            media = media_type(call.headers, frozenset(MediaType))
            cap = MAX_JSON_BYTES if media is MediaType.JSON else MAX_ARROW_BYTES
            body = await read_body(call.receive, call.headers, cap)
            table = call.table()
            intake = await self.lanes.take(
                lambda: self._taken(body, media, table), 1 + int(len(body) * _ROWS_PER_BYTE)
            )
        except Rejected as error:
            telemetry.refused(error)
            raise
        telemetry.taken(intake)
        return json_reply(intake_json(intake))

    def _taken(self, body: bytes, media: MediaType, table: str | None) -> Intake:
        now = self._clock()
        arrow = media is MediaType.ARROW
        rows = parse_arrow(body, table, now) if arrow else parse_events(body, now)
        intake = self._server().take(rows)
        refused = sorted((*rows.refused, *intake.refused), key=_place)
        return Intake(intake.accepted, intake.repeated, tuple(refused))

    async def _livez(self, _: Call) -> Reply:
        return json_reply({"status": "alive"})

    async def _readyz(self, call: Call) -> Reply:
        readiness = self._server().readiness()
        content = readiness_json(readiness, stranger=is_stranger(call.scope))
        return json_reply(content, 200 if readiness.answers else 503)

    async def _metrics(self, _: Call) -> Reply:
        text = exposition_text(scrape(self._server(), self.lanes.waiting()))
        return text_reply(text, b"text/plain; version=0.0.4; charset=utf-8")

    async def _openapi(self, _: Call) -> Reply:
        return Reply(200, openapi_json())

    async def _docs(self, _: Call) -> Reply:
        return text_reply(docs_page(), b"text/html; charset=utf-8", DOCS_HEADERS)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.lanes.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def ranking_app(
    server: Callable[[], RankingPort],
    lanes: Lanes | None = None,
    clock: Callable[[], int] = now_micros,
) -> RankingApp:
    """The app without its guards; see `sluice.serving.tokens` and `sluice.serving.hosts` for these."""
    return RankingApp(server, lanes, clock)


def _place(row: RefusedRow) -> tuple[str, int]:
    return row.table, row.row


def _wrong_method(method: str) -> Reply:
    error = Rejected(405, f"this route answers to {method} alone")
    allow = ", ".join(sorted(_METHODS[method])).encode("ascii")
    return error_reply(error, ((b"allow", allow),))


def _broken(error: Exception) -> Rejected:
    what = "release in service" if isinstance(error, IntegrityError) else "server"
    return Rejected(500, f"the {what} cannot answer; see the server's log")
