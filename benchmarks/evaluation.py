"""Per-request metrics and their interval: ours against pytrec_eval, a scikit-learn loop and SciPy.

`python -m benchmarks.evaluation [--json]`: the same 1 M rows for all. The speedups are of nDCG@10,
MAP, MRR and AUC together on our side, against pytrec_eval without AUC, which it has not, and
against scikit-learn's nDCG, average precision and AUC called once a request.
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import measure
from sluice.features.state.frame import RankingFrame
from sluice.metrics import DEFAULT, compare, evaluate, likeness, parse_metric

REQUESTS, CANDIDATES = 33_334, 30
SOME_REQUESTS = 500
"""That a loop a request is measured on; its cost is scaled up."""
RESAMPLES = 1000
METRICS = tuple(parse_metric(name) for name in ("ndcg@10", "map", "mrr", "auc"))
TREC_MEASURES = {"recip_rank", "ndcg_cut.10", "map"}
TREC_NAMES = {"ndcg@10": "ndcg_cut_10", "map": "map", "mrr": "recip_rank"}


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
    """A callable for the first requests with both classes; it refuses the others."""
    from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

    labels = frame.labels.reshape(REQUESTS, CANDIDATES)
    both = np.flatnonzero(labels.any(axis=1) & ~labels.all(axis=1))[:SOME_REQUESTS]
    pairs = list(zip(labels[both], scores.reshape(REQUESTS, CANDIDATES)[both], strict=True))

    def judge() -> list[tuple[float, ...]]:
        return [
            (
                float(ndcg_score([label], [score], k=10)),
                float(average_precision_score(label, score)),
                float(roc_auc_score(label, score)),
            )
            for label, score in pairs
        ]

    return judge


def kendall_by_scipy(ours: np.ndarray, theirs: np.ndarray) -> Callable[[], Any]:
    """A callable for the first requests."""
    from scipy.stats import kendalltau

    left, right = (
        scores.reshape(REQUESTS, CANDIDATES)[:SOME_REQUESTS] for scores in (ours, theirs)
    )
    return lambda: [kendalltau(a, b) for a, b in zip(left, right, strict=True)]


def run() -> dict[str, float]:
    """Figures by name; CPU seconds for all requests, a loop's scaled up from a part."""
    frame, scores = world(np.random.default_rng(0))
    other_scores = scores + 0.3 * np.random.default_rng(1).normal(size=frame.rows)
    trec = judged_by_trec(frame, scores)
    judged = REQUESTS - evaluate(scores, frame, METRICS).dropped
    ours_s = measure(lambda: evaluate(scores, frame, METRICS), 9).cpu_s
    trec_s = measure(trec, 3).cpu_s
    sklearn_s = measure(judged_by_sklearn(frame, scores), 1).cpu_s
    sklearn_s *= judged / SOME_REQUESTS
    likeness_s = measure(lambda: likeness(scores, other_scores, frame), 3).cpu_s
    scipy_s = measure(kendall_by_scipy(scores, other_scores), 1).cpu_s
    scipy_s *= REQUESTS / SOME_REQUESTS
    return {
        "rows": frame.rows,
        "requests": frame.requests,
        "evaluate_cpu_s": ours_s,
        "evaluate_default_cpu_s": measure(lambda: evaluate(scores, frame), 9).cpu_s,
        "pytrec_eval_cpu_s": trec_s,
        "sklearn_loop_cpu_s_scaled": sklearn_s,
        "loop_requests_measured": SOME_REQUESTS,
        "speedup_over_pytrec_eval": trec_s / ours_s,
        "speedup_over_sklearn": sklearn_s / ours_s,
        "largest_difference_to_pytrec_eval": largest_difference(
            trec(), evaluate(scores, frame, METRICS).values
        ),
        **bootstrap_figures(frame, scores, other_scores),
        "churn_cpu_s": likeness_s,
        "scipy_kendall_loop_cpu_s_scaled": scipy_s,
        "churn_speedup_over_scipy_kendall": scipy_s / likeness_s,
    }


def bootstrap_figures(
    frame: RankingFrame, ours: np.ndarray, theirs: np.ndarray
) -> dict[str, float]:
    """A whole comparison of nDCG@10: by the frame's users, and where each request has its own."""
    rng = np.random.default_rng(2)
    pair = evaluate(ours, frame, DEFAULT), evaluate(theirs, frame, DEFAULT)

    def cost(users: np.ndarray) -> float:
        return measure(
            lambda: compare(*pair, users, "ndcg@10", resamples=RESAMPLES, rng=rng), 5
        ).cpu_s

    return {
        "resamples": RESAMPLES,
        "users": len(np.unique(frame.users)),
        "bootstrap_cpu_s": cost(frame.users),
        "bootstrap_unclustered_cpu_s": cost(np.arange(frame.requests)),
    }


def largest_difference(trec: dict[str, dict[str, float]], ours: Any) -> float:
    """Over the three metrics that both have, and the requests that we judge."""
    worst = 0.0
    for name, theirs in TREC_NAMES.items():
        values = np.array([trec[str(at)][theirs] for at in range(len(ours[name]))])
        worst = max(worst, float(np.nanmax(np.abs(values - ours[name]))))
    return worst


def show(figures: dict[str, float]) -> str:
    loop = f"(scaled from {figures['loop_requests_measured']:,} requests)"
    return "\n".join(
        [
            f"{figures['rows']:,} rows in {figures['requests']:,} requests, CPU seconds:",
            f"  sluice, nDCG@10 MAP MRR AUC       {figures['evaluate_cpu_s']:9.4f}",
            f"  sluice, the six of every report   {figures['evaluate_default_cpu_s']:9.4f}",
            f"  pytrec_eval, nDCG@10 MAP MRR      {figures['pytrec_eval_cpu_s']:9.4f}"
            f"  = {figures['speedup_over_pytrec_eval']:,.0f} x",
            f"  sklearn loop, nDCG@10 AP AUC      {figures['sklearn_loop_cpu_s_scaled']:9.4f}"
            f"  = {figures['speedup_over_sklearn']:,.0f} x {loop}",
            f"  paired interval, {figures['resamples']:,} resamples of {figures['users']:,} users"
            f" {figures['bootstrap_cpu_s']:7.4f}",
            f"  the same, a user a request        {figures['bootstrap_unclustered_cpu_s']:9.4f}",
            f"  churn: overlap, RBO, Kendall      {figures['churn_cpu_s']:9.4f}",
            f"  scipy kendalltau loop             {figures['scipy_kendall_loop_cpu_s_scaled']:9.4f}"
            f"  = {figures['churn_speedup_over_scipy_kendall']:,.0f} x {loop}",
            "largest difference to pytrec_eval: "
            f"{figures['largest_difference_to_pytrec_eval']:.1e}",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    figures = run()
    sys.stdout.write((json.dumps(figures) if as_json else show(figures)) + "\n")
