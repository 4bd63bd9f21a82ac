"""What the rankers cost: a fit against LightGBM called directly, a request against its predict.

Both sides get the same 1 M rows of 40 features in requests of about 30, the same parameters and
one thread. A request is 100 candidates through 300 trees; the scores are equal in every bit.

`python -m benchmarks.rankers [--json]`
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import measure
from sluice.features.state.frame import RankingFrame
from sluice.metrics import evaluate
from sluice.rankers import make_ranker
from sluice.rankers.bins import Bins

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

REQUESTS, CANDIDATES, FEATURES = 33_334, 30, 40
TRAINING_TREES = 50
REQUEST_ROWS, REQUEST_TREES = 100, 300
LEAVES = (31, 63)
SEED = 7
SETTINGS = {
    "objective": "lambdarank", "label_gain": [0, 1], "lambdarank_truncation_level": 30,
    "num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 20, "max_bin": 255,
    "feature_pre_filter": False, "num_threads": 1, "seed": SEED, "deterministic": True, "force_row_wise": True,
    "verbosity": -1,
}  # fmt: skip
"""What `lambdamart` passes for its defaults."""


def world(requests: int, rng: np.random.Generator) -> RankingFrame:
    """Counts, rates and noise; one click in about ten rows, drawn by a few of the features."""
    rows = requests * CANDIDATES
    features = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    features[:, ::4] = np.floor(np.exp(features[:, ::4]))
    features[:, 1::8][rng.random((rows, FEATURES // 8)) < 0.2] = np.nan
    filled = np.nan_to_num(features[:, :6])
    logit = (
        0.4 * np.log1p(filled[:, 0])
        + filled[:, 1] * filled[:, 2]
        + 0.7 * filled[:, 3]
        - 3.5
    )
    return RankingFrame(
        names=tuple(f"f{nth}" for nth in range(FEATURES)),
        features=features,
        labels=(rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64),
        offsets=np.arange(0, rows + 1, CANDIDATES, dtype=np.int64),
        ts=np.arange(requests, dtype=np.int64),
        request_ids=np.arange(requests).astype(np.str_),
        users=np.arange(requests),
        item_ids=np.zeros(rows, dtype=np.str_),
        positions=np.zeros(rows, np.int32),
    )


def dataset(frame: RankingFrame) -> "Dataset":
    import lightgbm

    sizes = np.diff(frame.offsets)
    return lightgbm.Dataset(frame.features, frame.labels, group=sizes, params=SETTINGS)


def train_directly(frame: RankingFrame, trees: int, **changes: Any) -> "Booster":
    import lightgbm

    return lightgbm.train(SETTINGS | changes, dataset(frame), num_boost_round=trees)


def fit(frame: RankingFrame, trees: int, bins: Bins | None = None, **changes: Any) -> Any:
    ranker = make_ranker("lambdamart", {"trees": trees, "num_threads": 1, **changes})
    return ranker.fit(frame, np.random.default_rng(SEED), bins)


def training() -> dict[str, float]:
    """CPU seconds of a fit by each way, and what quantised gradients change."""
    frame = world(REQUESTS, np.random.default_rng(0))
    later = world(REQUESTS // 10, np.random.default_rng(1))
    fitted: dict[str, Any] = {}
    bins = Bins()

    def ours(name: str, bins: Bins | None = None, **changes: Any) -> float:
        def run() -> None:
            fitted[name] = fit(frame, TRAINING_TREES, bins, **changes)

        return measure(run, 1, warm=False).cpu_s

    fit(later, 1)  # imports and compiles
    learnable = frame.labels.reshape(REQUESTS, CANDIDATES).max(axis=1) > 0
    same = world_of(frame, learnable)
    direct_s = measure(lambda: train_directly(same, TRAINING_TREES), 1, warm=False).cpu_s
    ours_s, again_s = ours("full", bins), ours("again", bins)
    quantised_s = ours("quantised", quantised=True)
    quality = {
        name: evaluate(ranker.score(later.features, later.offsets), later).mean("ndcg@10")
        for name, ranker in fitted.items()
    }
    return {
        "rows": frame.rows,
        "trees": TRAINING_TREES,
        "lightgbm_fit_cpu_s": direct_s,
        "fit_cpu_s": ours_s,
        "fit_with_bins_kept_cpu_s": again_s,
        "quantised_fit_cpu_s": quantised_s,
        "training_overhead": ours_s / direct_s,
        "quantised_cost": quantised_s / ours_s,
        "ndcg@10": quality["full"],
        "quantised_ndcg@10": quality["quantised"],
        **binning(frame),
    }


def world_of(frame: RankingFrame, requests: np.ndarray) -> RankingFrame:
    """Some requests of equal size: those that a fit learns from."""
    rows = np.repeat(requests, CANDIDATES)
    kept = int(requests.sum())
    return RankingFrame(
        names=frame.names,
        features=frame.features[rows],
        labels=frame.labels[rows],
        offsets=np.arange(0, kept * CANDIDATES + 1, CANDIDATES, dtype=np.int64),
        ts=frame.ts[requests],
        request_ids=frame.request_ids[requests],
        users=frame.users[requests],
        item_ids=frame.item_ids[rows],
        positions=frame.positions[rows],
    )


def binning(frame: RankingFrame) -> dict[str, float]:
    """CPU seconds to bin the rows, and to load what was binned from LightGBM's binary file."""
    import lightgbm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "binned.bin"
        built_s = measure(lambda: dataset(frame).construct(), 1, warm=False).cpu_s
        dataset(frame).construct().save_binary(path)
        load = measure(
            lambda: lightgbm.Dataset(path, params=SETTINGS).construct(), 2, warm=False
        )
        megabytes = path.stat().st_size / 1e6
    return {
        "binning_cpu_s": built_s,
        "binned_file_cpu_s": load.cpu_s,
        "binned_file_mb": megabytes,
    }


def scoring(leaves: int) -> dict[str, Any]:
    """CPU µs of one request by each way."""
    frame = world(2_000, np.random.default_rng(2))
    ranker = fit(frame, REQUEST_TREES, leaves=leaves)
    request = frame.features[:REQUEST_ROWS]
    booster = ranker.booster

    def predict() -> np.ndarray:
        return booster.predict(request, raw_score=True, num_threads=1)

    ours_s = measure(lambda: ranker.score(request), 200).cpu_s
    theirs_s = measure(predict, 50).cpu_s
    whole = booster.predict(frame.features, raw_score=True, num_threads=1)
    return {
        "score_us": ours_s * 1e6,
        "lightgbm_predict_us": theirs_s * 1e6,
        "cost": ours_s / theirs_s,
        "scored_by_kernel": ranker.model.scorer is not None,
        "bits_equal": bool(np.array_equal(ranker.score(frame.features), whole)),
    }


def run() -> dict[str, Any]:
    """Figures by name; `scorer_cost` is that of the widest trees measured."""
    requests = {leaves: scoring(leaves) for leaves in LEAVES}
    return {
        **training(),
        "scoring": {str(leaves): request for leaves, request in requests.items()},
        "scorer_cost": max(request["cost"] for request in requests.values()),
    }


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"fit of {figures['rows']:,} rows, {figures['trees']} trees, one thread, CPU seconds:",
        f"  LightGBM called directly {figures['lightgbm_fit_cpu_s']:8.2f}",
        f"  lambdamart               {figures['fit_cpu_s']:8.2f}"
        f"  = {figures['training_overhead']:.3f} x",
        f"  the same, its bins kept  {figures['fit_with_bins_kept_cpu_s']:8.2f}"
        f"  = {figures['fit_with_bins_kept_cpu_s'] / figures['fit_cpu_s']:.2f} x",
        f"  quantised gradients      {figures['quantised_fit_cpu_s']:8.2f}"
        f"  = {figures['quantised_cost']:.2f} x; nDCG@10 {figures['quantised_ndcg@10']:.4f}"
        f" against {figures['ndcg@10']:.4f}",
        f"  binning alone            {figures['binning_cpu_s']:8.2f}; from a binary file of"
        f" {figures['binned_file_mb']:.0f} MB {figures['binned_file_cpu_s']:.2f}",
        f"request of {REQUEST_ROWS} candidates through {REQUEST_TREES} trees, CPU µs:",
    ]
    for leaves, figure in figures["scoring"].items():
        lines.append(
            f"  {leaves} leaves: predict {figure['lightgbm_predict_us']:6.0f}, lambdamart"
            f" {figure['score_us']:5.0f} = {figure['cost']:.3f} x, bits equal:"
            f" {figure['bits_equal']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    figures = run()
    sys.stdout.write((json.dumps(figures) if as_json else show(figures)) + "\n")
