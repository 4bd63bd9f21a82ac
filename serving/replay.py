"""Replay of a release's golden requests against a running server: what it answers, and how fast."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import numpy as np

from sluice.serving.golden import GoldenRequest, same_bits
from sluice.serving.processes import resident_mb


@dataclass(frozen=True)
class ReplayReport:
    """Evidence for the replay gate; latencies as one client sees them, one request at a time."""

    requests: int
    """Golden requests, each asked once a round."""
    rounds: int
    warm_up: int
    """Requests asked before, whose latency does not count."""
    mismatches: int
    """Answered with other scores (by a bit) or another order than recorded."""
    errors: int
    """Not answered with 200."""
    p50_ms: float
    p99_ms: float
    """Of the round with the lowest p99; NaN, like p50, where nothing was asked."""
    memory_mb: float
    """Resident memory of the server's processes, in MiB, after the replay."""
    release_agreed: bool
    """Every answer named the expected release, and /readyz too."""


@dataclass(frozen=True)
class _Answer:
    ok: bool
    matched: bool
    agreed: bool
    seconds: float


def replay(
    url: str,
    pid: int,
    release: str,
    golden: Sequence[GoldenRequest],
    *,
    warm_up: int = 10,
    rounds: int = 3,
) -> ReplayReport:
    """Ask every golden request in order, closed loop: the next when the last is answered.

    Several rounds, for other work on the machine only ever adds to a latency, and p99 of a hundred
    requests is the slowest but one: the quickest round is nearest to what the release costs. An
    error or another answer counts in whichever round it comes.

    Args:
        url: of the server.
        pid: of its supervisor, whose process tree's memory is taken.
        release: digest that ought to answer.
        golden: the release's recorded requests.
        warm_up: how many requests are asked before, unmeasured and unjudged.
        rounds: how often all requests are asked.
    """
    with httpx.Client(base_url=url, trust_env=False, timeout=30.0) as client:
        warm = [golden[nth % len(golden)] for nth in range(warm_up)] if golden else []
        for example in warm:
            _ask(client, example, release)
        replies = [
            [_ask(client, example, release) for example in golden] for _ in range(rounds)
        ]
        ready = client.get("/readyz")
        named = ready.is_success and ready.json().get("release") == release
    answers = [answer for of_round in replies for answer in of_round]
    seconds = min(map(_seconds, replies), key=lambda reply: _percentile_ms(reply, 99))
    return ReplayReport(
        requests=len(golden),
        rounds=rounds,
        warm_up=len(warm),
        mismatches=sum(answer.ok and not answer.matched for answer in answers),
        errors=sum(not answer.ok for answer in answers),
        p50_ms=_percentile_ms(seconds, 50),
        p99_ms=_percentile_ms(seconds, 99),
        memory_mb=resident_mb(pid),
        release_agreed=named and all(answer.agreed for answer in answers),
    )


def _ask(client: httpx.Client, golden: GoldenRequest, release: str) -> _Answer:
    body = {
        "user_id": golden.request.user_id,
        "candidates": list(golden.request.item_ids),
        "ts": golden.request.ts,
        "context": dict(golden.request.context),
    }
    begun = time.perf_counter()
    try:
        response = client.post("/rank", json=body)
    except httpx.TransportError:
        return _Answer(
            ok=False, matched=False, agreed=False, seconds=time.perf_counter() - begun
        )
    seconds = time.perf_counter() - begun
    if response.status_code != httpx.codes.OK:
        return _Answer(ok=False, matched=False, agreed=False, seconds=seconds)
    answer = response.json()
    matched, agreed = _matches(golden, answer["items"]), answer["release"] == release
    return _Answer(ok=True, matched=matched, agreed=agreed, seconds=seconds)


def _matches(golden: GoldenRequest, items: list[dict]) -> bool:
    """Whether items, order and scores are as recorded, the scores bit for bit."""
    expected = [golden.request.item_ids[row] for row in golden.order]
    scores = [golden.scores[row] for row in golden.order]
    return [item["item_id"] for item in items] == expected and same_bits(
        scores, [item["score"] for item in items]
    )


def _seconds(answers: Sequence[_Answer]) -> np.ndarray:
    return np.array([answer.seconds for answer in answers])


def _percentile_ms(seconds: np.ndarray, percent: float) -> float:
    return float(np.percentile(seconds, percent) * 1000) if len(seconds) else float("nan")
