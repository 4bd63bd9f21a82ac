"""Calls that may block for good, such as on a file system that does not answer, given up after a time."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sluice.errors import IntegrityError

LOOK_SECONDS = 10.0
"""For one look at what names the release."""
OPEN_SECONDS = 600.0
"""For reading and trying a release, beyond what its child may use."""
MOST_BLOCKED = 64
"""Threads given up and still blocked, from which on nothing is tried until one of them ends."""

T = TypeVar("T")


class Bounded:
    """Runs each call in a thread of its own, so one that never returns holds up none after it.

    A thread cannot be ended from outside: one that was given up stays until what it waits for
    answers, and its result is thrown away. The threads are daemons and do not hold up an exit.
    """

    def __init__(self, most_blocked: int = MOST_BLOCKED) -> None:
        self._most, self._running = most_blocked, 0
        self._lock = threading.Lock()

    async def run(self, call: Callable[[], T], seconds: float, what: str) -> T:
        """What the call returns or raises, within that time.

        Args:
            call: to be made.
            seconds: that it may take.
            what: it does, for messages.

        Raises:
            IntegrityError: it did not end, or too many before it have not.
        """
        with self._lock:
            if self._running >= self._most:
                raise IntegrityError(
                    f"cannot look at {what}: {self._running} earlier looks are still blocked"
                )
            self._running += 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whoever awaits it is told
                self._ended(loop, lambda error=error: _fail(answer, error))
            else:
                self._ended(loop, lambda: _succeed(answer, result))

        threading.Thread(target=work, name=f"look at {what}", daemon=True).start()
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError as error:
            if answer.done() and not answer.cancelled():
                raise  # of the call's own
            raise IntegrityError(
                f"{what} did not answer within {seconds:g} s; it is looked at again"
            ) from error

    def _ended(self, loop: asyncio.AbstractEventLoop, notify: Callable[[], object]) -> None:
        with self._lock:
            self._running -= 1
        with suppress(RuntimeError):  # the loop has ended, so nobody waits
            loop.call_soon_threadsafe(notify)


def _succeed(answer: "asyncio.Future[T]", result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[T]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
