"""A look that never ends is given up, and those after it are made."""

import asyncio
import threading
import time

import pytest

from sluice.errors import IntegrityError, NotFound
from sluice.serving.bounded import Bounded


def test_an_answer_and_an_error_come_through():
    def refuses():
        raise NotFound("none there")

    async def steps():
        bounded = Bounded()
        assert await bounded.run(lambda: 5, 5.0, "five") == 5
        with pytest.raises(NotFound, match="none there"):
            await bounded.run(refuses, 5.0, "none")
        with pytest.raises(TimeoutError, match="its own"):
            await bounded.run(times_out, 5.0, "a call that times out by itself")

    def times_out():
        raise TimeoutError("its own")

    asyncio.run(steps())


def test_looks_that_block_stop_neither_later_ones_nor_the_loop_nor_the_exit():
    stuck, begun = threading.Event(), time.monotonic()

    async def steps():
        bounded = Bounded(most_blocked=20)
        for _ in range(19):  # more than the default executor has threads
            with pytest.raises(IntegrityError, match=r"the pointer did not answer"):
                await bounded.run(stuck.wait, 0.01, "the pointer")
        assert await bounded.run(lambda: "mended", 30.0, "the pointer") == "mended"
        with pytest.raises(IntegrityError, match="did not answer"):
            await bounded.run(stuck.wait, 0.01, "the pointer")
        with pytest.raises(IntegrityError, match="20 earlier looks are still blocked"):
            await bounded.run(lambda: "mended", 30.0, "the pointer")
        stuck.set()
        async with asyncio.timeout(30):
            while bounded._running:
                await asyncio.sleep(0.01)
        assert await bounded.run(lambda: "again", 30.0, "the pointer") == "again"

    asyncio.run(steps())
    assert time.monotonic() - begun < 60


def test_what_comes_too_late_is_thrown_away():
    stuck = threading.Event()

    async def steps():
        bounded = Bounded()
        with pytest.raises(IntegrityError):
            await bounded.run(lambda: stuck.wait() and "late", 0.01, "it")
        stuck.set()
        assert await bounded.run(lambda: "new", 30.0, "it") == "new"
        while bounded._running:
            await asyncio.sleep(0.01)

    asyncio.run(steps())
