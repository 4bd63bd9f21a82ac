"""What goes to a shadow's process over its pipe: a request that was answered, and how many there were."""

import os
import select
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from sluice.features.state.feature_state import Request
from sluice.mechanisms.live import Revenue

_LENGTH = struct.Struct("<I")
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Job:
    """A request that was answered."""

    request: Request
    """As it was scored, with its time."""
    revenue: Revenue | None
    """Of its ads."""
    order: NDArray[np.int64]
    """[shown]; rows from the top slot down, as answered."""
    request_id: str
    answered_by: str
    """Digest of the release that answered."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: where all offers are so far, and the next job."""

    offered: int
    dropped: int
    job: Job | None
    """None for the last message, which only counts."""


def encoded(frame: Frame) -> bytes:
    """The message with its length before it."""
    job = frame.job
    body = orjson.dumps(
        {
            "offered": frame.offered,
            "dropped": frame.dropped,
            "job": job and {**_plain(job), "request": asdict(job.request)},
        }
    )
    return _LENGTH.pack(len(body)) + body


def frames(handle: int, wait_seconds: float) -> Iterator[Frame | None]:
    """Messages from a pipe until its other end is closed; None for each wait without one."""
    held = bytearray()
    while True:
        while (message := _next(held)) is not None:
            yield message
        if not select.select([handle], [], [], wait_seconds)[0]:
            yield None
            continue
        read = os.read(handle, _READ)
        if not read:
            return
        held += read


def _plain(job: Job) -> dict[str, Any]:
    return {
        "revenue": job.revenue,
        "order": job.order.tolist(),
        "request_id": job.request_id,
        "answered_by": job.answered_by,
    }


def _next(held: bytearray) -> Frame | None:
    if len(held) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(held)[0]
    if len(held) < end:
        return None
    body = orjson.loads(bytes(held[_LENGTH.size : end]))
    del held[:end]
    job = body["job"]
    return Frame(body["offered"], body["dropped"], job and _job(job))


def _job(body: dict[str, Any]) -> Job:
    job = body["request"]
    request = Request(**{**job, "item_ids": tuple(job["item_ids"])})
    return Job(**{**body, "request": request, "order": np.array(body["order"], np.int64)})
