"""Events that come in while rankings are asked: exposures of unanswered requests, and clicks on them."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

import httpx
import numpy as np

from benchmarks.open_loop import Client
from benchmarks.serving_world import SURFACE, World, as_http
from sluice.serving.times import now_micros

PER_SECOND, BATCH = 1_000, 100
_CLICKED = 5
"""Every so many rows of a batch, one is a click."""


@dataclass(frozen=True)
class EventSource:
    """What people see and click elsewhere; call it with a server's address."""

    users: tuple[str, ...]
    items: tuple[str, ...]

    @classmethod
    def of(cls, world: World) -> "EventSource":
        """People and items of the world's feed."""
        users = world.tables.exposures["user_id"].unique().sort().to_list()
        return cls(
            tuple(users), tuple(world.tables.items["item_id"].unique().sort().to_list())
        )

    async def __call__(self, url: str) -> None:
        """Send batches at a steady rate until cancelled.

        Raises:
            RuntimeError: the server refuses one, so that fewer came in than is claimed.
        """
        place, rng = httpx.URL(url), np.random.default_rng(5)
        client, due = Client(place.host, place.port or 80), time.perf_counter()
        try:
            while True:
                status = await client.ask(as_http("/events", self.batch(rng)))
                if status != 200:
                    raise RuntimeError(f"the server answers {status} to events")
                due += BATCH / PER_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
        finally:
            client.close()

    def batch(self, rng: np.random.Generator) -> bytes:
        """The body of one POST /events: one request's exposures of now, and some clicks on them."""
        now, request = now_micros(), uuid.uuid4().hex
        user = self.users[int(rng.integers(len(self.users)))]
        clicks = BATCH // _CLICKED
        items = rng.choice(np.array(self.items), BATCH - clicks, replace=False).tolist()
        common = {"request_id": request, "user_id": user}
        exposures = [
            common | {"surface": SURFACE, "ts": now, "item_id": item, "position": slot}
            for slot, item in enumerate(items, start=1)
        ]
        feedback = [
            common | {"item_id": item, "kind": "click", "value": 1.0, "ts": now}
            for item in items[:clicks]
        ]
        return json.dumps({"exposures": exposures, "feedback": feedback}).encode()
