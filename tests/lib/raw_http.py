"""HTTP by hand over sockets, for what no client library would send."""

import json
import socket
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPResponse

import httpx

from tests.lib.releases import END

BODY = json.dumps(
    {"user_id": "user1", "candidates": ["item01", "item02", "item03"], "ts": END}
).encode()
"""A request that the small releases answer."""
LINE = b"POST /rank HTTP/1.1\r\n"
FIELDS = b"host: localhost\r\ncontent-type: application/json\r\n"


def whole(body: bytes = BODY, fields: bytes = b"") -> bytes:
    """The bytes of a request."""
    length = f"content-length: {len(body)}\r\n".encode()
    return LINE + FIELDS + length + fields + b"\r\n" + body


def connected(url: str, timeout: float = 15.0) -> socket.socket:
    parts = httpx.URL(url)
    return socket.create_connection((parts.host, parts.port), timeout=timeout)


def status_of(client: socket.socket) -> int | None:
    """Status of the next answer; None where the connection ends without one."""
    said = b""
    with suppress(ConnectionError):
        while b"\r\n" not in said and (more := client.recv(4096)):
            said += more
    return int(said.split()[1]) if said.startswith(b"HTTP/1.1 ") else None


def answer_on(client: socket.socket) -> HTTPResponse:
    """The next answer, read to its end."""
    answer = HTTPResponse(client)
    answer.begin()
    answer.read()
    return answer


def answered(url: str, request: bytes) -> int | None:
    """Status that the bytes of one request get on a connection of its own."""
    with closing(connected(url)) as client:
        with suppress(ConnectionError):
            client.sendall(request)
        return status_of(client)


def seconds_open(client: socket.socket, most: float) -> float:
    """How long the other side leaves the connection open from now on, whatever it says meanwhile."""
    began = time.monotonic()
    client.settimeout(most)
    with suppress(ConnectionError, TimeoutError):
        while client.recv(4096):
            pass
    return time.monotonic() - began


@dataclass(frozen=True)
class Flood:
    """What came of sending without an end."""

    sent: int
    """Bytes that were taken off our hands before the connection was closed."""
    cut: bool


def flooded(url: str, opening: bytes, piece: bytes, most: int) -> Flood:
    """Send the opening, and then the piece again and again up to `most` bytes."""
    with closing(connected(url)) as client:
        sent = 0
        try:
            client.sendall(opening)
            while sent < most:
                client.sendall(piece)
                sent += len(piece)
        except OSError:
            return Flood(sent, cut=True)
        return Flood(sent, cut=False)
