"""The capped protocol in a uvicorn server of this process, beside the one that it replaces."""

import asyncio
import time

import pytest
import uvicorn
from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluice.serving.capped_protocol import CappedProtocol, cap_uvicorn
from sluice.serving.head_limits import HeadLimits

SECONDS = 0.4
LIMITS = HeadLimits(seconds=SECONDS)
SLOW = 3.0


class Capped(CappedProtocol):
    limits = LIMITS


async def app(scope, receive, send):
    """Echoes how much body came; waits first where the address says so."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * SECONDS)
    body = str(size).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


def conversation(steps, protocol=Capped, seconds=SLOW):
    """What the server says to bytes and pauses (seconds), and for how long it keeps listening."""

    async def talk():
        config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None)
        server, loop = uvicorn.Server(config), asyncio.get_running_loop()
        config.load()
        listening = await loop.create_server(
            lambda: protocol(config, server.server_state, {}), "127.0.0.1", 0
        )
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began, said = time.monotonic(), b""
        try:
            async with asyncio.timeout(seconds):
                sending = asyncio.create_task(send(writer))
                while more := await reader.read(65_536):
                    said += more
                sending.cancel()
        except (TimeoutError, ConnectionError):
            pass
        took = time.monotonic() - began
        writer.close()
        listening.close()
        return said, took

    async def send(writer):
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            writer.write(step)
            await writer.drain()

    return asyncio.run(talk())


GET = b"GET / HTTP/1.1\r\nhost: sluice\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nhost: sluice\r\nconnection: close\r\n\r\n"


def field(size: int) -> bytes:
    """A closing request with a head of exactly so many bytes."""
    opening, end = b"GET / HTTP/1.1\r\nconnection: close\r\nx: ", b"\r\n\r\n"
    return opening + b"a" * (size - len(opening) - len(end)) + end


@pytest.mark.parametrize(
    ("size", "status"), [(8_191, 200), (8_192, 200), (8_193, 431), (100_000, 431)]
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_head_of_the_cap_is_answered_and_one_byte_more_is_not(size, status, pieces):
    head = field(size)
    step = -(-size // pieces)
    said, _ = conversation([head[at : at + step] for at in range(0, size, step)])

    assert said.startswith(b"HTTP/1.1 %d " % status)


def test_the_protocol_that_it_replaces_takes_what_is_over_the_cap():
    said, _ = conversation([field(100_000)], HttpToolsProtocol)

    assert said.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("fields", "status"), [(100, 200), (101, 400), (400, 400)])
def test_only_so_many_fields_are_taken(fields, status):
    lines = b"".join(b"x%d: a\r\n" % nth for nth in range(fields - 1))
    head = b"GET / HTTP/1.1\r\nconnection: close\r\n" + lines + b"\r\n"
    said, _ = conversation([head])

    assert said.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("half", [b"", b"G", GET[:-1], b"\r\n"])
@pytest.mark.parametrize("before", [[], [GET, 0.05]], ids=["first", "after an answer"])
def test_a_head_that_does_not_end_is_told_so_and_closed(half, before):
    if before and not half:
        pytest.skip("idle after an answer is uvicorn's own business")
    said, took = conversation([*before, half])

    assert said.endswith(b"content-length: 0\r\n\r\n")
    assert b"HTTP/1.1 408 " in said
    assert SECONDS <= took < SLOW


def test_the_protocol_that_it_replaces_waits_for_a_head_that_does_not_end():
    said, took = conversation([GET[:-1]], HttpToolsProtocol, 3 * SECONDS)

    assert said == b""
    assert took >= 3 * SECONDS


def test_a_byte_now_and_then_does_not_help():
    said, took = conversation([GET[:5], *[0.1, b"a"] * 20])

    assert b"HTTP/1.1 408 " in said
    assert took < 4 * SECONDS


def test_a_head_may_be_split_anywhere():
    for at in range(1, len(CLOSING)):
        said, _ = conversation([CLOSING[:at], 0.0, CLOSING[at:]])
        assert said.startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_however_many_bytes_their_heads_have_together():
    said, _ = conversation([GET * 1_000 + CLOSING])

    assert said.count(b"HTTP/1.1 200 OK") == 1_001


def test_a_body_may_be_larger_than_the_cap_and_slower_than_the_limit():
    body = b"b" * 300_000
    head = b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 300000\r\n\r\n"
    said, took = conversation([head + body[:100_000], 2 * SECONDS, body[100_000:]])

    assert said.endswith(b"300000")
    assert took >= 2 * SECONDS


def test_a_chunked_body_is_taken_whole_and_a_trailer_without_end_is_not():
    head = b"POST / HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"10000\r\n" + b"b" * 65_536 + b"\r\n"
    whole, _ = conversation([head, chunks * 5, b"0\r\n\r\n"])
    endless, _ = conversation([head, chunks, b"0\r\nx: ", b"a" * 100_000])
    extension, _ = conversation([head, chunks, b"1;", b"a" * 100_000])

    assert whole.endswith(str(5 * 65_536).encode())
    assert endless.startswith(b"HTTP/1.1 431 ")
    assert extension.startswith(b"HTTP/1.1 431 ")


def test_half_a_head_behind_a_request_does_not_cut_the_answer_to_it_off():
    said, took = conversation([b"GET /slow HTTP/1.1\r\nhost: sluice\r\n\r\n" + GET[:7]])

    assert said.index(b"HTTP/1.1 200 ") < said.index(b"HTTP/1.1 408 ")
    assert took < SLOW


def test_a_server_started_later_uses_it_by_itself(monkeypatch):
    monkeypatch.setattr(auto, "AutoHTTPProtocol", auto.AutoHTTPProtocol)
    monkeypatch.setattr(CappedProtocol, "limits", CappedProtocol.limits)
    cap_uvicorn(LIMITS)
    config = uvicorn.Config(app, log_config=None)
    config.load()

    assert config.http_protocol_class is CappedProtocol
    assert CappedProtocol.limits == LIMITS
