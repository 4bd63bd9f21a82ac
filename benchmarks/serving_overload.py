"""More asked than can be answered: goodput at five times the capacity, and the small beside the large."""

import asyncio
import json
import time
from typing import Any

import httpx

from benchmarks.open_loop import Client, open_loop
from benchmarks.serving_world import as_http
from sluice.serving.processes import resident_mb
from sluice.serving.running import RunningServer

TIMES, SECONDS = 5, 6.0
GOOD_SECONDS = 1.0
"""An answer that comes later is of no use to anybody."""
LARGE, LARGE_CANDIDATES = 50, 10_000


def overloaded(
    server: RunningServer, bodies: list[bytes], per_second: float
) -> dict[str, float]:
    """Answers within a second at TIMES the capacity, as a share of the capacity; what memory grew by."""
    before = resident_mb(server.pid)
    url = httpx.URL(server.url)
    outcome = asyncio.run(
        open_loop(url.host, url.port or 80, bodies, TIMES * per_second, SECONDS)
    )
    good = sum(seconds <= GOOD_SECONDS for seconds in outcome.latencies) / SECONDS
    return {
        "asked": outcome.asked,
        "good_per_second": good,
        "share_of_capacity": good / per_second,
        "p99_ms": outcome.percentile_ms(99),
        "added_mb": resident_mb(server.pid) - before,
    }


def small_beside_large(server: RunningServer, small: bytes) -> dict[str, Any]:
    """Seconds that one small request takes while LARGE ones of LARGE_CANDIDATES wait."""
    candidates = [f"nobody's {nth}" for nth in range(LARGE_CANDIDATES)]
    large = as_http(
        "/rank", json.dumps({"user_id": "anybody", "candidates": candidates}).encode()
    )

    async def beside() -> tuple[int, float, list[int]]:
        url = httpx.URL(server.url)
        client = Client(url.host, url.port or 80)
        others = [asyncio.create_task(client.ask(large)) for _ in range(LARGE)]
        await asyncio.sleep(0.2)
        begun = time.perf_counter()
        status = await client.ask(small)
        seconds = time.perf_counter() - begun
        statuses = await asyncio.gather(*others)
        client.close()
        return status, seconds, statuses

    status, seconds, statuses = asyncio.run(beside())
    return {
        "status": status,
        "seconds": seconds,
        "large_answered": statuses.count(200),
        "large_refused": statuses.count(503),
    }
