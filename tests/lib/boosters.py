"""Small LightGBM models of every shape that the tree scorer meets."""

import lightgbm
import numpy as np

from sluice.rankers.boosting import positional


def rows(count, features=6, *, seed=0):
    """Normal values, small whole numbers, zeros, NaNs and infinities, [count, features] float32."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, features)).astype(np.float32)
    values[:, ::2] = np.round(values[:, ::2] * 2)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.02] = np.inf
    values[rng.random(values.shape) < 0.02] = 1e-36
    return values


def booster(*, count=1500, trees=20, label=None, data=None, categories=(), **settings):
    """A regression on some of the features; `settings` are LightGBM's."""
    features = rows(count) if data is None else data
    known = np.nan_to_num(features, nan=0.7, posinf=3, neginf=-3)
    noise = np.random.default_rng(1).normal(scale=0.3, size=count)
    target = known[:, 0] * known[:, 1] + known[:, 2] + noise if label is None else label
    wanted = {
        "objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3,
        "num_leaves": 31, "deterministic": True, "force_row_wise": True,
    } | settings  # fmt: skip
    names = positional(tuple("x" * features.shape[1]))
    dataset = lightgbm.Dataset(
        features, target, feature_name=names, params=wanted,
        categorical_feature=list(categories),
    )  # fmt: skip
    return lightgbm.train(wanted, dataset, num_boost_round=trees)
