"""What a callable costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
