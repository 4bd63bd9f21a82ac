"""The body of a request, read up to a cap and a time."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum

from starlette.types import Message, Receive

from sluice.serving.problem import Code, Rejected

BODY_SECONDS = 10.0
"""How long a client may take to send its body."""


class MediaType(StrEnum):
    """What a body may be."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"


_PLAIN = {media.encode(): media for media in MediaType}


class ClientGone(Exception):
    """The client closed the connection before its body was complete."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], cap: int) -> bytes:
    """The whole body; reading stops at the cap, whatever length was declared.

    Raises:
        Rejected: 413 above the cap, 408 where it does not arrive in time.
        ClientGone: the client went away.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > cap:
        raise _too_large(cap)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive, cap)
    except TimeoutError as error:
        raise Rejected(408, f"the body did not arrive within {BODY_SECONDS:g} s") from error


def media_type(headers: Mapping[bytes, bytes], allowed: frozenset[MediaType]) -> MediaType:
    """Which of the allowed kinds the body is declared to be.

    Raises:
        Rejected: 415, none of them.
    """
    declared = _PLAIN.get(headers.get(b"content-type", b""))  # nearly always
    if declared is not None and declared in allowed:
        return declared
    kind, _, parameters = headers.get(b"content-type", b"").decode("latin-1").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    for media in MediaType:
        if media in allowed and kind.strip().lower() == media:
            if media is MediaType.JSON and charset not in {"", "charset=utf-8"}:
                break
            return media
    listed = " or ".join(sorted(allowed, reverse=True))
    raise Rejected(415, f"send {listed}; JSON in UTF-8", code=Code.MEDIA_TYPE)


async def _read(receive: Receive, cap: int) -> bytes:
    message = await _message(receive)
    first = message.get("body", b"")
    if not message.get("more_body", False):  # nearly always
        if len(first) > cap:
            raise _too_large(cap)
        return first
    body = bytearray(first)
    while message.get("more_body", False):
        if len(body) > cap:
            raise _too_large(cap)
        message = await _message(receive)
        body += message.get("body", b"")
    if len(body) > cap:
        raise _too_large(cap)
    return bytes(body)


async def _message(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _too_large(cap: int) -> Rejected:
    return Rejected(413, f"the body may have {cap} bytes")
