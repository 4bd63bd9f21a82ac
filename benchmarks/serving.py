"""What a ranking over HTTP costs, and what happens to it under load, kills, swaps and hostile clients.

One request is 100 candidates × 61 features × 300 trees. CPU is that of all the server's processes.
The load comes from the same machine, so its latencies hold the generator's share of two cores.

`python -m benchmarks.serving [--json]`
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from benchmarks.open_loop import Outcome, closed_loop, open_loop
from benchmarks.serving_events import EventSource
from benchmarks.serving_overload import overloaded, small_beside_large
from benchmarks.serving_world import World
from benchmarks.timing import report
from sluice.serving.processes import cpu_seconds, resident_mb, tree
from sluice.serving.running import RunningServer

COUNTED, BATCHES, WARM = 500, 4, 200
"""The cheapest batch counts: what else the machine does only ever adds to it."""
CONNECTIONS = 4
HALF_SECONDS, FAULT_SECONDS = 10.0, 8.0
FAULT_RATE = 100.0
SWAPS = 50
IDLE = 20_000
SPARE_DESCRIPTORS = 300

Background = Callable[[str], Awaitable[None]]
"""What else the server is asked to do meanwhile, such as events coming in; cancelled in the end."""


def place(server: RunningServer) -> tuple[str, int]:
    url = httpx.URL(server.url)
    return url.host, url.port or 80


def cost(server: RunningServer, bodies: list[bytes]) -> dict[str, float]:
    """CPU milliseconds of a request, requests a second over a few connections, and memory."""

    async def batch() -> tuple[float, float]:
        before = cpu_seconds(server.pid)
        outcome, took = await closed_loop(*place(server), bodies, CONNECTIONS, COUNTED)
        if outcome.failed:
            raise RuntimeError(
                f"{outcome.failed} of {outcome.asked} requests failed, the last: {outcome.why}"
            )
        return cpu_seconds(server.pid) - before, took

    async def asking() -> list[tuple[float, float]]:
        await closed_loop(*place(server), bodies, CONNECTIONS, WARM)
        return [await batch() for _ in range(BATCHES)]

    batches = asyncio.run(asking())
    return {
        "cpu_ms": 1e3 * min(cpu for cpu, _ in batches) / COUNTED,
        "per_second": COUNTED / min(took for _, took in batches),
        "memory_mb": resident_mb(server.pid),
    }


async def loaded(
    server: RunningServer,
    bodies: list[bytes],
    rate: float,
    seconds: float,
    background: Background | None = None,
) -> Outcome:
    """The open loop, with something else going on."""
    other = asyncio.ensure_future(background(server.url)) if background else None
    outcome = await open_loop(*place(server), bodies, rate, seconds)
    if other:
        other.cancel()
        with suppress(asyncio.CancelledError):
            await other
    return outcome


def figures_of(outcome: Outcome) -> dict[str, float]:
    return {
        "asked": outcome.asked,
        "failed": outcome.failed,
        "p50_ms": outcome.percentile_ms(50),
        "p99_ms": outcome.percentile_ms(99),
        "max_ms": outcome.percentile_ms(100),
    }


def half_of_capacity(
    server: RunningServer,
    bodies: list[bytes],
    per_second: float,
    background: Background | None = None,
) -> dict[str, float]:
    """Latencies at half of what the closed loop reached."""
    rate = per_second / 2
    outcome = asyncio.run(loaded(server, bodies, rate, HALF_SECONDS, background))
    return {"rate": rate, **figures_of(outcome)}


def worker_killed(server: RunningServer, bodies: list[bytes]) -> dict[str, float]:
    """One of two workers dies under load."""

    async def kill(url: str) -> None:
        del url
        await asyncio.sleep(FAULT_SECONDS / 4)
        # The supervisor's first child is the one that waited for the trial; its last is a worker.
        tree(server.pid)[-1].send(signal.SIGKILL)

    return figures_of(asyncio.run(loaded(server, bodies, FAULT_RATE, FAULT_SECONDS, kill)))


def swapped(world: World, bodies: list[bytes], swaps: int) -> dict[str, float]:
    """The pointer moves to and fro under load, each time when the last move has been taken up."""
    releases, done = [world.release(1), world.release(2)], 0

    async def swapping(server: RunningServer) -> Outcome:
        nonlocal done
        total = Outcome()
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            while done < swaps:
                done += 1
                wanted = releases[done % 2]
                world.point_to(wanted, done + 1)
                while (await client.get("/readyz")).json()["release"] != wanted:
                    part = await open_loop(*place(server), bodies, FAULT_RATE, 0.25)
                    total.latencies += part.latencies
                    total.failed += part.failed
        return total

    world.point_to(releases[0], 1)
    with world.lean() as server:
        outcome = asyncio.run(swapping(server))
    return {"swaps": done, **figures_of(outcome)}


def beside_idle(server: RunningServer, bodies: list[bytes]) -> dict[str, float]:
    """Latencies beside as many silent connections as the descriptors here allow, up to 20,000."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = min(IDLE, most - SPARE_DESCRIPTORS)
    before = resident_mb(server.pid)

    async def idle() -> tuple[Outcome, float]:
        loop = asyncio.get_running_loop()
        protocols = [
            await loop.create_connection(asyncio.Protocol, *place(server))
            for _ in range(count)
        ]
        memory = resident_mb(server.pid)
        outcome = await open_loop(*place(server), bodies, FAULT_RATE, 3.0)
        for transport, _ in protocols:
            transport.abort()
        return outcome, memory

    outcome, memory = asyncio.run(idle())
    return {"connections": count, "added_mb": memory - before, **figures_of(outcome)}


def beside_endless_heads(server: RunningServer, bodies: list[bytes]) -> dict[str, float]:
    """Latencies while one client sends header fields without end, again and again."""

    async def flooding(url: str) -> None:
        del url
        while True:
            _, writer = await asyncio.open_connection(*place(server))
            writer.write(b"POST /rank HTTP/1.1\r\nx-endless: ")
            with suppress(ConnectionError):
                for _ in range(500):
                    writer.write(b"a" * 65_536)
                    await writer.drain()
            writer.close()
            await asyncio.sleep(0.05)

    return figures_of(
        asyncio.run(loaded(server, bodies, FAULT_RATE, FAULT_SECONDS, flooding))
    )


def run(swaps: int = SWAPS) -> dict[str, Any]:
    """All of it; within about four minutes on two cores."""
    with tempfile.TemporaryDirectory(prefix="sluice-serving-") as home:
        report("a release")
        world = World.make(Path(home))
        bodies, digest = world.bodies(), world.release()
        world.point_to(digest, 1)
        figures = _lean(world, bodies)
        report(json.dumps(figures))
        figures |= _disturbed(world, bodies)
        report("the same app under `bentoml serve`")
        with world.bento(digest) as server:
            figures["bentoml"] = cost(server, bodies)
        report("the naive service")
        with world.naive() as server:
            figures["naive"] = cost(server, bodies)
        report(json.dumps(figures))
        report(f"{swaps} swaps")
        (Path(home) / "serving" / "for_you.json").unlink()
        figures["swaps"] = swapped(world, bodies, swaps)
    figures["load"] = os.getloadavg()[0]
    figures["naive_over_lean"] = figures["naive"]["cpu_ms"] / figures["lean"]["cpu_ms"]
    return figures


def _lean(world: World, bodies: list[bytes]) -> dict[str, Any]:
    """One worker: what a request costs, and latencies at half of capacity, with events and without."""
    report("the lean server")
    began = time.perf_counter()
    with world.lean() as server:
        ready = time.perf_counter() - began
        lean = cost(server, bodies)
        report("half of capacity, alone and while events come in")
        half = half_of_capacity(server, bodies, lean["per_second"])
        events = EventSource.of(world)
        beside = half_of_capacity(server, bodies, lean["per_second"], events)
        report("five times the capacity, and one small request beside large ones")
        figures = {
            "overload": overloaded(server, bodies, lean["per_second"]),
            "small": small_beside_large(server, bodies[0]),
        }
    return {"ready_s": ready, "lean": lean, "half": half, "events": beside} | figures


def _disturbed(world: World, bodies: list[bytes]) -> dict[str, Any]:
    """Two workers, of which one is killed, and clients that do no good."""
    with world.lean(workers=2) as server:
        report("a worker killed, endless heads, idle connections")
        alone = asyncio.run(loaded(server, bodies, FAULT_RATE, FAULT_SECONDS / 2))
        return {
            "alone": figures_of(alone),
            "killed": worker_killed(server, bodies),
            "endless": beside_endless_heads(server, bodies),
            "idle": beside_idle(server, bodies),
        }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"ready {figures['ready_s']:.1f} s after the start of the lean server; load of the machine "
        f"{figures['load']:.1f}"
    ]
    for name in ("lean", "bentoml", "naive"):
        row = figures[name]
        lines.append(
            f"  {name:<10}{row['cpu_ms']:7.2f} ms CPU a request{row['per_second']:8.0f} a second"
            f"{row['memory_mb']:7.0f} MB"
        )
    lines.append(
        f"the naive service takes {figures['naive_over_lean']:.1f} x the lean one's CPU"
    )
    for name in ("half", "events", "alone", "killed", "endless", "idle", "swaps"):
        row = figures[name]
        lines.append(
            f"  {name:<10}p50 {row['p50_ms']:6.1f} ms  p99 {row['p99_ms']:6.1f} ms  "
            f"max {row['max_ms']:7.1f} ms  {row['failed']:.0f} of {row['asked']:.0f} failed"
        )
    over, small = figures["overload"], figures["small"]
    lines.append(
        f"  five times the capacity: {over['share_of_capacity']:.0%} of it answered within a second, "
        f"{over['added_mb']:+.0f} MB\n"
        f"  a small request beside {small['large_answered'] + small['large_refused']} large ones: "
        f"{small['seconds']:.2f} s, {small['large_answered']} of them answered"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--swaps", type=int, default=SWAPS)
    args = parser.parse_args()
    result = run(args.swaps)
    sys.stdout.write((json.dumps(result) if args.json else show(result)) + "\n")
