"""Threads that get in each other's way as much as they can."""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def at_once(function: Callable[[A], B], arguments: Iterable[A]) -> list[B]:
    """Call the function for all arguments at the same moment, one thread each; results in order."""
    waiting = list(arguments)
    barrier = Barrier(len(waiting))

    def started(argument: A) -> B:
        barrier.wait()
        return function(argument)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(waiting)) as pool:
            return list(pool.map(started, waiting))
    finally:
        sys.setswitchinterval(interval)
