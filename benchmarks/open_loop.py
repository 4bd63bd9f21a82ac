"""Requests at a steady rate whether or not earlier ones were answered, over connections kept open.

A latency counts from the moment at which the request ought to have been sent, so that a server that
stalls is charged for all who would have come meanwhile.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass
class Outcome:
    """What came of a run."""

    latencies: list[float] = field(default_factory=list[float])
    """Seconds, of answers with 200."""
    failed: int = 0
    """Answered otherwise, or not at all."""
    why: str = ""
    """Of the last that failed."""

    @property
    def asked(self) -> int:
        return len(self.latencies) + self.failed

    def percentile_ms(self, percent: float) -> float:
        return (
            1e3 * float(np.percentile(self.latencies, percent)) if self.latencies else 0.0
        )


class Connection(asyncio.Protocol):
    """One connection; answers one request after the other."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> int:
        """Status of the answer.

        Raises:
            ConnectionError: it was closed before the whole answer.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("closed before it was asked")
        self._answer = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end or self._answer is None or self._answer.done():
            return
        length = head.lower().partition(_LENGTH)[2].split(b"\r\n")[0]
        if len(body) >= int(length or 0):
            self._answer.set_result(int(head.split()[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(exc or "closed")))

    def close(self) -> None:
        if self._transport:
            self._transport.close()


class Client:
    """As many connections to one server as are needed at once."""

    def __init__(self, host: str, port: int, seconds: float = 30.0) -> None:
        self._host, self._port, self._seconds = host, port, seconds
        self._free: deque[Connection] = deque()

    async def ask(self, request: bytes) -> int:
        """Status of the answer, on a connection that is free or a new one."""
        connection = self._free.pop() if self._free else None
        if connection is None or not connection.open:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, self._host, self._port)
        status = await asyncio.wait_for(connection.ask(request), self._seconds)
        self._free.append(connection)
        return status

    def close(self) -> None:
        for connection in self._free:
            connection.close()


async def open_loop(
    host: str, port: int, requests: list[bytes], rate: float, seconds: float
) -> Outcome:
    """Ask `rate` times a second for so many seconds, the requests in turn."""
    client, outcome = Client(host, port), Outcome()
    pending: set[asyncio.Task[None]] = set()
    begun = time.perf_counter()
    for nth in range(int(rate * seconds)):
        due = begun + nth / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(
            _timed(client, requests[nth % len(requests)], due, outcome)
        )
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    client.close()
    return outcome


async def closed_loop(
    host: str, port: int, requests: list[bytes], connections: int, count: int
) -> tuple[Outcome, float]:
    """Ask `count` times over so many connections, each when its last is answered; and the seconds."""
    client, outcome = Client(host, port), Outcome()

    async def one(first: int) -> None:
        for nth in range(first, count, connections):
            request = requests[nth % len(requests)]
            await _timed(client, request, time.perf_counter(), outcome)

    begun = time.perf_counter()
    await asyncio.gather(*(one(first) for first in range(connections)))
    took = time.perf_counter() - begun
    client.close()
    return outcome, took


async def _timed(client: Client, request: bytes, due: float, outcome: Outcome) -> None:
    try:
        status = await client.ask(request)
    except (OSError, TimeoutError) as error:
        outcome.failed, outcome.why = outcome.failed + 1, repr(error)
        return
    if status == 200:
        outcome.latencies.append(time.perf_counter() - due)
    else:
        outcome.failed, outcome.why = outcome.failed + 1, f"status {status}"
