"""What a callable costs."""

import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Options of glibc's mallopt."""


@dataclass(frozen=True)
class Timing:
    """The cheapest of some runs: what disturbs a run only ever adds to it."""

    cpu_s: float
    """Of this process, all its threads together."""
    wall_s: float


def measure(fn: Callable[[], Any], repeat: int = 5, *, warm: bool = True) -> Timing:
    """Run `fn` once to warm it (compilation, caches), where it has any, then `repeat` times."""
    if warm:
        fn()
    runs = [_once(fn) for _ in range(repeat)]
    return Timing(cpu_s=min(cpu for cpu, _ in runs), wall_s=min(wall for _, wall in runs))


def _once(fn: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    fn()
    return time.process_time() - cpu, time.perf_counter() - wall


def keep_memory() -> None:
    """Let this process reuse the memory that NumPy frees, as Arrow, Polars and DuckDB reuse theirs.

    glibc gives large arrays back at once. The next run then touches pages that the machine has to
    find and clear, on a virtual machine those of its host too: up to 2 s for 1 GB, more than the
    work on it, and another amount every time.
    """
    libc = ctypes.CDLL("libc.so.6")
    if not (libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, -1)):
        raise OSError("glibc refuses to keep memory")


def report(line: str) -> None:
    """Say where a long benchmark is, apart from what it prints in the end."""
    sys.stderr.write(line + "\n")
