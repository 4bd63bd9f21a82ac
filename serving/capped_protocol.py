"""Uvicorn's HTTP/1.1 protocol with limits for the head, for it has none of its own.

`bentoml serve` runs uvicorn with fixed arguments, and httptools takes a header field of any length:
one client that sent one without end kept all others waiting for seconds.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sluice.serving.head_limits import HeadLimits

_TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_LATE = b"408 Request Timeout"


class CappedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too long, has too many fields, or does not end in time.

    The parser is fed in small parts. What counts against the cap are the bytes since it last made
    something of them (a whole head, a piece of a body, the end of a request), so trailers and
    chunk extensions without end are cut as well.
    """

    limits: ClassVar[HeadLimits] = HeadLimits()

    _unread = 0
    """Bytes that the parser was fed and has made nothing of yet."""
    _in_head = True
    """Between two requests too: the next bytes begin a head."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head and self._timer is None:
            self._start_timer()
        at = 0
        while at < len(data) and self._ours:
            room = self.limits.bytes - self._unread
            if room <= 0:
                self._refuse(_TOO_LARGE)
                return
            part = data[at : at + room]
            at += len(part)
            self._unread += len(part)
            super().data_received(part)

    def on_message_begin(self) -> None:
        self._in_head = True
        if self._timer is None:  # it follows another request in the same bytes
            self._start_timer()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self.limits.fields:
            # Raised through the parser, which gives up; uvicorn then answers 400 and closes.
            raise OverflowError("too many header fields")

    def on_headers_complete(self) -> None:
        self._in_head, self._unread = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        # From here on uvicorn's own keep-alive timer runs, until the first byte of the next head.
        self._in_head, self._unread = True, 0
        super().on_message_complete()

    @property
    def _ours(self) -> bool:
        """Whether the connection is open, and was not handed to another protocol."""
        return not self.transport.is_closing() and self.transport.get_protocol() is self

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.limits.seconds, self._be_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _be_late(self) -> None:
        self._timer = None
        if not self._in_head or not self._ours:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # The answer to the request before is still on its way, and may be waited for.
            self._start_timer()
            return
        self._refuse(_TOO_LATE)

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        self.transport.close()


def cap_uvicorn(limits: HeadLimits) -> None:
    """Let every uvicorn server that this process starts from now on use the capped protocol."""
    CappedProtocol.limits = limits
    # `http="auto"` is looked up by this name when a server's configuration is loaded.
    auto.AutoHTTPProtocol = CappedProtocol
