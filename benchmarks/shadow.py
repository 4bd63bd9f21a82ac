"""What a shadow costs who is answered: p99 of answers in process, paced, with one beside them and without.

python -m benchmarks.shadow [--requests 2000] [--rate 100] [--rounds 3]
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from sluice.features.state.feature_state import Request
from sluice.serving.release import open_release
from sluice.serving.scorer import Scorer
from sluice.serving.shadow import Shadow
from sluice.serving.shadow_process import shadow_command
from tests.lib.releases import END, ITEM_IDS, tree_release

CANDIDATES = 100


async def paced(
    scorer: Scorer, shadow: Shadow | None, requests: int, rate: float, first: int
) -> np.ndarray:
    """Milliseconds of each answer, the offer to the shadow included."""
    took, due = [], time.perf_counter()
    strangers = tuple(f"new{number}" for number in range(CANDIDATES - len(ITEM_IDS)))
    for number in range(requests):
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        ts = END + first + number
        request = Request(f"user{number % 7}", ITEM_IDS + strangers, ts)
        began = time.perf_counter()
        ranking = scorer.rank(request)
        if shadow:
            shadow.offer(request, ranking.order, f"r{ts}", "c" * 64)
        took.append(time.perf_counter() - began)
    return np.array(took) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        digest = tree_release(home / "releases")
        release = home / "releases" / digest
        scorer = open_release(release, digest).scorer
        scores: dict[str, list[np.ndarray]] = {"without": [], "with": []}
        counts, first = [], 0
        for _ in range(options.rounds):
            for kind, took in scores.items():
                shadow = None
                if kind == "with":
                    folder = home / "shadow"
                    command = shadow_command(
                        folder, release, home / "log", write_seconds=1.0
                    )
                    shadow = Shadow(command, folder)
                    shadow.start()
                    time.sleep(10)
                took.append(
                    asyncio.run(
                        paced(scorer, shadow, options.requests, options.rate, first)
                    )
                )
                first += options.requests
                if shadow:
                    counts.append(vars(shadow.close()))
    p99 = {
        kind: float(np.percentile(np.concatenate(took), 99))
        for kind, took in scores.items()
    }
    medians = {
        kind: float(np.median(np.concatenate(took))) for kind, took in scores.items()
    }
    print(
        json.dumps(
            {
                "p99_ms": p99,
                "ratio": p99["with"] / p99["without"],
                "median_ms": medians,
                "counts": counts,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
