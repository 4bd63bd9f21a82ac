"""LightGBM's predict is the oracle: equal in every bit, or refused."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sluice.rankers.boosted_trees import BoostedTrees
from sluice.rankers.tree_scorer import PROBES, TreeScorer
from sluice.rankers.tree_text import UnscorableModel, parse_trees
from tests.lib.boosters import booster, rows

SHAPES = {
    "one leaf": {"min_data_in_leaf": 5000},
    "two leaves": {"num_leaves": 2},
    "31 leaves": {},
    "32 leaves": {"num_leaves": 32},
    "33 leaves": {"num_leaves": 33},
    "64 leaves": {"num_leaves": 64, "min_data_in_leaf": 1},
    "zeros missing": {"zero_as_missing": True},
    "nothing missing": {"use_missing": False},
    "deep": {"num_leaves": 60, "max_depth": 40, "min_data_in_leaf": 1, "max_bin": 1000},
    "quantised": {"use_quantized_grad": True},
    "lambdarank": {"objective": "lambdarank", "label": np.arange(1500) % 3, "group": True},
}


def made(name):
    shape = dict(SHAPES[name])
    if not shape.pop("group", None):
        return booster(**shape)
    label = shape.pop("label")
    data = lightgbm.Dataset(rows(1500), label, group=[10] * 150)
    return lightgbm.train(shape | {"verbosity": -1, "num_threads": 1}, data, 20)


def oracle(model, features):
    return model.predict(features, raw_score=True, num_threads=1)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_tree_scores_as_lightgbm_bit_for_bit(name):
    model = made(name)
    unseen = rows(3000, seed=9)

    np.testing.assert_array_equal(TreeScorer.of(model).score(unseen), oracle(model, unseen))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 127, 128, 129, 300])
def test_any_number_of_rows_scores_alike(count):
    model = booster()
    features = rows(count, seed=3)
    expected = oracle(model, features) if count else np.zeros(0)

    np.testing.assert_array_equal(TreeScorer.of(model).score(features), expected)


@pytest.fixture(scope="module")
def known():
    model = booster(trees=30, zero_as_missing=False)
    return model, TreeScorer.of(model)


@settings(max_examples=60, deadline=None)
@given(
    features=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.just(6)),
        elements=st.floats(
            width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True
        ),
    )
)
def test_any_float32_scores_as_lightgbm(known, features):
    model, scorer = known

    np.testing.assert_array_equal(scorer.score(features), oracle(model, features))


def test_the_probes_stand_on_both_sides_of_the_thresholds(known):
    _, scorer = known
    probes = scorer.probes(6, np.random.default_rng(0))
    bounds = scorer.bound[np.isfinite(scorer.bound)]

    assert probes.shape == (PROBES, 6)
    assert np.isin(probes, bounds).mean() > 0.2
    assert np.isin(probes, np.nextafter(bounds, np.float32(np.inf))).mean() > 0.2
    assert np.isnan(probes).any()


def test_a_packing_that_differs_in_one_leaf_is_refused(monkeypatch):
    from sluice.rankers import tree_scorer

    def spoiled(text):
        first, *others = parse_trees(text)
        values = first.values.copy()
        values[0] = np.nextafter(values[0], np.inf)
        return (type(first)(first.nodes, values), *others)

    monkeypatch.setattr(tree_scorer, "parse_trees", spoiled)
    with pytest.raises(UnscorableModel, match=f"of {PROBES} scores differ"):
        TreeScorer.of(booster(num_leaves=3))


def categorical():
    data = rows(1500)
    data[:, 0] = np.abs(np.nan_to_num(data[:, 0], posinf=0)) % 5
    return booster(data=data, categories=[0], label=(data[:, 0] == 2) * 1.0)


REFUSED = {
    "categories": (categorical, "by categories"),
    "65 leaves": (
        lambda: booster(num_leaves=65, min_data_in_leaf=1),
        "65 leaves, more than 64",
    ),
    "linear": (
        lambda: booster(linear_tree=True, data=np.nan_to_num(rows(1500), posinf=1)),
        "linear leaves",
    ),
    "classes": (
        lambda: booster(objective="multiclass", num_class=3, label=np.arange(1500) % 3),
        "several outputs",
    ),
    "forest": (
        lambda: booster(boosting="rf", bagging_fraction=0.5, bagging_freq=1),
        "averages its trees",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_kernel_does_not_know_is_refused_and_left_to_lightgbm(what):
    make, message = REFUSED[what]
    model = make()

    with pytest.raises(UnscorableModel, match=message):
        BoostedTrees.of(model, "kernel")
    fallen_back = BoostedTrees.of(model, "auto")
    assert fallen_back.scorer is None
    assert message in fallen_back.why


def test_the_kernel_scores_unless_the_parameters_say_lightgbm():
    model = booster(trees=3)

    assert BoostedTrees.of(model, "auto").scorer is not None
    assert BoostedTrees.of(model, "lightgbm").scorer is None
