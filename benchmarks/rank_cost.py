"""Where the CPU of one POST /rank goes: the whole of it in process, without a server, and its parts.

One request is 100 candidates × 61 features × 300 trees with the surface's own mechanisms, answered by a
`RankingServer` over a real release and an event log. CPU of the asking thread; the cheapest run counts.

`python -m benchmarks.rank_cost [--json]`
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.serving_world import World
from sluice.data.event_log import EventLog
from sluice.features.state.feature_state import Request
from sluice.serving.answer import answer_json
from sluice.serving.answering import Asked, answer
from sluice.serving.app import ranking_app
from sluice.serving.lanes import LaneRules, Lanes
from sluice.serving.prediction import CHAMPION
from sluice.serving.ranking_server import RankingServer
from sluice.serving.reply import json_reply
from sluice.serving.request import parse_rank
from sluice.serving.scorer import matrix_digest
from sluice.serving.source import FixedSource
from sluice.serving.times import now_micros
from sluice.serving_spec import ServingSpec

REPEAT, ROUNDS = 20, 150
"""Requests of a round, and rounds of which the cheapest counts."""


def cheapest(fn: Callable[[int], Any], repeat: int) -> float:
    """CPU µs of the calling thread for one call; the number of the call is passed."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for nth in range(repeat):
            fn(nth)
        best = min(best, time.thread_time() - begun)
    return 1e6 * best / repeat


class InProcess:
    """A server over a release, and its app, both driven without a socket."""

    def __init__(self, home: Path, digest: str) -> None:
        """Args: `home` holds `releases`, and gets the event log and the prediction log."""
        source = FixedSource(home / "releases" / digest, digest)
        events = EventLog(home / "log")
        self.server = RankingServer(source, home / "predictions", now_micros, events=events)
        # Never anything but calm: what the hand-over costs belongs to a loaded server.
        self.app = ranking_app(lambda: self.server, Lanes(LaneRules(calm=1e9)))

    async def open(self) -> None:
        """Verify the release, as the server itself does."""
        await self.server.look()
        if self.server.serving is None:
            raise RuntimeError(f"the release is not in service: {self.server.refusal}")

    async def post(self, body: bytes) -> bytes:
        """The body of the answer to POST /rank."""
        message = {"type": "http.request", "body": body, "more_body": False}
        sent: list[Any] = []

        async def receive() -> Any:
            return message

        async def send(part: Any) -> None:
            sent.append(part)

        await self.app(_scope(body), receive, send)
        if sent[0]["status"] != 200:
            raise RuntimeError(f"{sent[0]['status']}: {sent[1]['body'].decode()}")
        return sent[1]["body"]


def _scope(body: bytes) -> dict[str, Any]:
    headers = [
        (b"host", b"sluice"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    return {"type": "http", "method": "POST", "path": "/rank", "query_string": b"",
            "headers": headers}  # fmt: skip


def parts(process: InProcess, bodies: list[bytes]) -> dict[str, float]:
    """CPU µs of the parts of an answer, one after the other."""
    server = process.server
    serving = server.serving
    assert serving is not None
    live, scorer = serving.live, serving.release.scorer
    rank_requests = [parse_rank(body, now_micros()) for body in bodies]
    requests = [
        Request(parsed.user_id, parsed.candidates, now_micros(), parsed.context)
        for parsed in rank_requests
    ]
    answers = [scorer.state.answer(request) for request in requests]
    scores = [scorer.ranker.score(reply.features) for reply in answers]
    spec = ServingSpec()
    whole = [Asked(parsed, f"bench-{nth}", now_micros(), CHAMPION, None)
             for nth, parsed in enumerate(rank_requests)]  # fmt: skip
    pairs = [answer(live, request, spec) for request in whole]
    many = len(bodies)
    log, intake = server._logs(serving)  # noqa: SLF001 - the parts of it are what is measured

    def logged(nth: int) -> None:
        log.append(pairs[nth % many][1])
        if intake:
            intake.answered(pairs[nth % many][1])

    steps: dict[str, Callable[[int], Any]] = {
        "parse": lambda nth: parse_rank(bodies[nth % many], now_micros()),
        "refresh": lambda _: live.refresh(),
        "features": lambda nth: scorer.state.answer(requests[nth % many]),
        "score": lambda nth: scorer.ranker.score(answers[nth % many].features),
        "order": lambda nth: scorer.order(
            requests[nth % many], answers[nth % many].items, scores[nth % many], None
        ),
        "digest": lambda nth: matrix_digest(answers[nth % many].features),
        "rank": lambda nth: scorer.rank(requests[nth % many], None, "bench"),
        "answer": lambda nth: answer(live, whole[nth % many], spec),
        "json": lambda nth: json_reply(answer_json(pairs[nth % many][0])),
        "log": logged,
    }
    return {name: cheapest(step, REPEAT) for name, step in steps.items()}


async def whole(process: InProcess, bodies: list[bytes]) -> float:
    """CPU µs of the asking thread for one request, from its body to the body of its answer."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for nth in range(REPEAT):
            await process.post(bodies[nth % len(bodies)])
        best = min(best, time.thread_time() - begun)
    return 1e6 * best / REPEAT


async def run(home: Path) -> dict[str, Any]:
    """The whole, its parts, and the load of the machine that they were measured under."""
    world = World.make(home)
    digest, bodies = world.release(), world.bodies(http=False)
    process = InProcess(home, digest)
    await process.open()
    try:
        figures: dict[str, Any] = {"whole": await whole(process, bodies)}
        figures["parts"] = parts(process, bodies)
    finally:
        await process.server.stop()
    return figures | {"load": os.getloadavg()[0]}


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"one POST /rank: {figures['whole']:.0f} µs CPU, at a load of {figures['load']:.1f}"
    ]
    lines += [f"  {name:<10}{cost:8.1f}" for name, cost in figures["parts"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="sluice-rank-") as folder:
        result = asyncio.run(run(Path(folder)))
    sys.stdout.write((json.dumps(result) if as_json else show(result)) + "\n")
