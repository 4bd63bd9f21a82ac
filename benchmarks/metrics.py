"""Per-request metrics: ours against pytrec_eval and a scikit-learn loop, on the same 1 M rows.

`python -m benchmarks.metrics [--json]`
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import measure
from sluice.features.frame import RankingFrame
from sluice.metrics import compare, evaluate

REQUESTS, CANDIDATES = 33_334, 30
SKLEARN_REQUESTS = 500
TREC_MEASURES = {"recip_rank", "ndcg_cut.5,10", "recall.5,10"}


def world(rng: np.random.Generator) -> tuple[RankingFrame, np.ndarray]:
    """Requests with no click, one or more, and scores that know something of it."""
    rows = REQUESTS * CANDIDATES
    labels = (rng.random(rows) < 0.05).astype(np.float64)
    frame = RankingFrame(
        names=(),
        features=np.empty((rows, 0), np.float32),
        labels=labels,
        offsets=np.arange(0, rows + 1, CANDIDATES, dtype=np.int64),
        ts=np.arange(REQUESTS, dtype=np.int64),
        request_ids=np.arange(REQUESTS).astype(np.str_),
        users=rng.integers(REQUESTS // 3, size=REQUESTS),
        item_ids=np.tile(np.arange(CANDIDATES).astype(np.str_), REQUESTS),
        positions=np.zeros(rows, np.int32),
    )
    return frame, labels + rng.normal(size=rows)


def judged_by_trec(frame: RankingFrame, scores: np.ndarray) -> Callable[[], Any]:
    """A callable that evaluates; building its dictionaries is not counted against it."""
    import pytrec_eval

    ids = [str(item) for item in range(CANDIDATES)]
    qrel, run = {}, {}
    for request in range(frame.requests):
        rows = slice(request * CANDIDATES, (request + 1) * CANDIDATES)
        qrel[str(request)] = dict(
            zip(ids, frame.labels[rows].astype(int).tolist(), strict=True)
        )
        run[str(request)] = dict(zip(ids, scores[rows].tolist(), strict=True))
    judge = pytrec_eval.RelevanceEvaluator(qrel, TREC_MEASURES)
    return lambda: judge.evaluate(run)


def judged_by_sklearn(frame: RankingFrame, scores: np.ndarray) -> Callable[[], Any]:
    """A callable that computes nDCG@10 alone, one call a request, for the first requests."""
    from sklearn.metrics import ndcg_score

    labels = frame.labels.reshape(REQUESTS, 1, CANDIDATES)[:SKLEARN_REQUESTS]
    given = scores.reshape(REQUESTS, 1, CANDIDATES)[:SKLEARN_REQUESTS]
    return lambda: [ndcg_score(a, b, k=10) for a, b in zip(labels, given, strict=True)]


def run() -> dict[str, float]:
    """Figures by name; CPU seconds for all requests, scikit-learn's scaled up from a part."""
    frame, scores = world(np.random.default_rng(0))
    ours = evaluate(scores, frame)
    other = evaluate(np.random.default_rng(1).normal(size=frame.rows), frame)
    rng = np.random.default_rng(2)
    trec = judged_by_trec(frame, scores)
    ours_s = measure(lambda: evaluate(scores, frame), 7).cpu_s
    compare_s = measure(
        lambda: compare(ours, other, frame.users, "ndcg@10", rng=rng), 3
    ).cpu_s
    trec_s = measure(trec, 2).cpu_s
    sklearn_s = (
        measure(judged_by_sklearn(frame, scores), 1).cpu_s * REQUESTS / SKLEARN_REQUESTS
    )
    return {
        "rows": frame.rows,
        "requests": frame.requests,
        "evaluate_cpu_s": ours_s,
        "compare_2000_resamples_cpu_s": compare_s,
        "pytrec_eval_cpu_s": trec_s,
        "sklearn_loop_cpu_s_scaled": sklearn_s,
        "sklearn_requests_measured": SKLEARN_REQUESTS,
        "speedup_over_pytrec_eval": trec_s / ours_s,
        "speedup_over_sklearn_loop": sklearn_s / ours_s,
        "largest_ndcg10_difference": largest_difference(trec(), ours.values["ndcg@10"]),
    }


def largest_difference(trec: dict[str, dict[str, float]], ours: np.ndarray) -> float:
    """Of nDCG@10, over the requests that we judge."""
    theirs = np.array([trec[str(request)]["ndcg_cut_10"] for request in range(len(ours))])
    return float(np.nanmax(np.abs(theirs - ours)))


def show(figures: dict[str, float]) -> str:
    return "\n".join(
        [
            f"{figures['rows']:,} rows in {figures['requests']:,} requests, CPU seconds:",
            f"  sluice, 6 metrics                 {figures['evaluate_cpu_s']:9.4f}",
            f"  sluice, paired interval           {figures['compare_2000_resamples_cpu_s']:9.4f}",
            f"  pytrec_eval, 5 metrics            {figures['pytrec_eval_cpu_s']:9.4f}"
            f"  = {figures['speedup_over_pytrec_eval']:,.0f} x",
            f"  sklearn loop, nDCG@10             {figures['sklearn_loop_cpu_s_scaled']:9.4f}"
            f"  = {figures['speedup_over_sklearn_loop']:,.0f} x"
            f" (scaled from {figures['sklearn_requests_measured']:,} requests)",
            f"largest difference of nDCG@10 to pytrec_eval: {figures['largest_ndcg10_difference']:.1e}",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    figures = run()
    sys.stdout.write((json.dumps(figures) if as_json else show(figures)) + "\n")
