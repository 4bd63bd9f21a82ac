"""What is sent back: a status, a body and headers, written to ASGI without a detour."""

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Send

from sluice.serving.problem import Rejected, problem_body

Headers = tuple[tuple[bytes, bytes], ...]

_COMMON: Headers = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON: Headers = ((b"content-type", b"application/json"), *_COMMON)
_CLOSE: Headers = ((b"connection", b"close"),)


@dataclass(frozen=True)
class Reply:
    """One answer over HTTP."""

    status: int
    body: bytes
    headers: Headers = _JSON

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; the body is left out for HEAD, its length is not."""
        length = (b"content-length", str(len(self.body)).encode("ascii"))
        start = {"type": "http.response.start", "status": self.status}
        await send({**start, "headers": [*self.headers, length]})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def json_reply(content: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(content))


def text_reply(body: bytes, content_type: bytes, more: Headers = ()) -> Reply:
    return Reply(200, body, ((b"content-type", content_type), *_COMMON, *more))


def error_reply(error: Rejected, more: Headers = ()) -> Reply:
    """An error in the one form that all have."""
    headers = [*_JSON, *more]
    if error.status in {408, 413}:
        # The rest of a body that is too long or too slow would be read and thrown away.
        headers += _CLOSE
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode("ascii")))
    return Reply(error.status, problem_body(error), tuple(headers))
