"""What holds for all mechanisms, whatever they are for."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sluice.errors import DataError
from sluice.mechanisms import rank_by
from sluice.mechanisms.spec import MechanismSpec, arrange
from tests.lib.slates import GROUPS, slate_of, slates, taken

ONE = TypeAdapter(MechanismSpec)
ALL = {
    "mmr": {"kind": "mmr"},
    "mmr by category": {"kind": "mmr", "of": "category", "depth": 3},
    "dpp": {"kind": "dpp"},
    "dpp by provider": {"kind": "dpp", "of": "provider", "depth": 4},
    "spacing": {"kind": "spacing"},
    "spacing of one class": {"kind": "spacing", "only": ["a", "b"], "of": "provider"},
    "calibration": {"kind": "calibration", "min_history": 0},
    "provider floors": {"kind": "provider_floors"},
    "ads": {"kind": "ads", "gap": 1},
}
PRICES = {"a": 1.0, "c": 2.5}
WEIGHTS = st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.9, 1.0])
NAMED = pytest.mark.parametrize("name", ALL)
RERANKERS = pytest.mark.parametrize(
    "name", [name for name in ALL if name not in {"provider floors", "ads"}]
)


def mechanism(name, weight=None):
    found = ONE.validate_python(ALL[name])
    return found if weight is None or found.swept == "floor" else found.at(weight)


def shown(slate, *declared):
    return slate.item_ids[arrange(slate, declared, PRICES)].tolist()


@NAMED
@settings(max_examples=40)
@given(slate=slates(), weight=WEIGHTS)
def test_every_candidate_is_shown_exactly_once(name, slate, weight):
    order = arrange(slate, [mechanism(name, weight)], PRICES)

    assert sorted(order.tolist()) == list(range(slate.rows))
    assert order.dtype == np.int64


@NAMED
@settings(max_examples=40)
@given(slate=slates(), weight=WEIGHTS, random=st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_are_sent_does_not_matter(
    name, slate, weight, random
):
    sent = taken(slate, random.sample(range(slate.rows), slate.rows))

    assert shown(sent, mechanism(name, weight)) == shown(slate, mechanism(name, weight))


@given(slate=slates(), random=st.randoms(use_true_random=False))
def test_nor_does_it_after_several_mechanisms(slate, random):
    chosen = [
        mechanism(name)
        for name in ("provider floors", "spacing", "calibration", "mmr", "dpp", "ads")
    ]
    sent = taken(slate, random.sample(range(slate.rows), slate.rows))

    assert shown(sent, *chosen) == shown(slate, *chosen)


@RERANKERS
@settings(max_examples=40)
@given(slate=slates(), prior=slates())
def test_a_weight_of_nothing_leaves_the_order_as_it_is(name, slate, prior):
    assert shown(slate, mechanism(name, 0.0)) == shown(slate)
    left = np.random.default_rng(prior.rows).permutation(slate.rows)
    np.testing.assert_array_equal(
        arrange(slate.after(left), [mechanism(name, 0.0)], PRICES), left
    )


def test_floors_without_a_price_and_no_ads_leave_the_order_as_it_is():
    slate = slate_of([1, 3, 2], providers=["a", "b", None], is_ad=np.zeros(3, bool),
                     revenue=np.zeros(3))  # fmt: skip

    assert arrange(slate, [mechanism("provider floors")], {}).tolist() == [1, 2, 0]
    assert arrange(slate, [mechanism("ads")]).tolist() == [1, 2, 0]


@given(slate=slates())
def test_no_mechanism_is_the_order_by_score(slate):
    np.testing.assert_array_equal(arrange(slate, []), rank_by(slate.scores, slate.item_ids))


@NAMED
@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_and_one_item_are_slates_too(name, rows):
    slate = slate_of([0.5] * rows, providers=["a"] * rows, categories=["a"] * rows,
                     embeddings=np.ones((rows, 2), np.float32), is_ad=np.ones(rows, bool),
                     revenue=np.ones(rows), interest={"a": 9.0})  # fmt: skip

    assert arrange(slate, [mechanism(name)], PRICES).tolist() == list(range(rows))


@NAMED
def test_a_single_provider_and_category_keep_the_order_by_score(name):
    slate = slate_of([1, 4, 3, 2], providers=["a"] * 4, categories=["a"] * 4,
                     embeddings=np.ones((4, 2), np.float32), is_ad=np.zeros(4, bool),
                     revenue=np.zeros(4), interest={"a": 9.0})  # fmt: skip

    assert arrange(slate, [mechanism(name)], PRICES).tolist() == [1, 2, 3, 0]


@RERANKERS
def test_beyond_the_depth_all_stays_as_it_was(name):
    rng = np.random.default_rng(3)
    slate = slate_of(rng.normal(size=40), providers=rng.choice(["a", "b"], 40).tolist(),
                     categories=rng.choice(["a", "b"], 40).tolist(),
                     embeddings=rng.normal(size=(40, 4)).astype(np.float32),
                     interest={"a": 9.0, "b": 1.0})  # fmt: skip
    declared = mechanism(name, 0.5).model_copy(update={"depth": 5})
    order = arrange(slate, [declared])
    places = {row: place for place, row in enumerate(slate.order.tolist())}
    rest = [places[row] for row in order[5:].tolist()]

    assert rest == sorted(rest)


@NAMED
def test_a_column_that_is_missing_is_named(name):
    with pytest.raises(DataError, match="the slate came without"):
        arrange(slate_of([1.0, 2.0]), [mechanism(name, 0.5)], PRICES)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(odd):
    slate = slate_of([1.0, 2.0])
    with pytest.raises(DataError, match="1 scores that are NaN or infinite"):
        slate_of([1.0, odd])
    with pytest.raises(DataError, match="1 embeddings"):
        replace(slate, embeddings=np.array([[1.0], [odd]], np.float32))
    with pytest.raises(DataError, match="1 revenue"):
        replace(slate, revenue=np.array([1.0, odd]))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"scores": np.ones(3)}, "a slate of 2 items has 3 scores"),
        ({"providers": ["a"]}, "a slate of 2 items has 1 providers"),
        ({"item_ids": np.array(["a", "a"])}, "names an item twice"),
        ({"interest": {"a": -1.0}}, "interest below 0 or NaN in a"),
        ({"interest": {"a": math.nan}}, "interest below 0 or NaN in a"),
    ],
)
def test_a_slate_that_is_none_is_refused(columns, said):
    with pytest.raises(DataError, match=said):
        replace(slate_of([1.0, 2.0]), **columns)


def test_prices_that_were_never_fitted_are_missed():
    with pytest.raises(DataError, match="their prices are not known"):
        arrange(slate_of([1.0], providers=["a"]), [mechanism("provider floors")], None)


@given(slate=slates(min_size=1), factor=st.sampled_from([0.5, 4.0]))
def test_rerankers_do_not_depend_on_the_scale_of_scores(slate, factor):
    # Powers of two, so that not even a rounding differs.
    scaled = replace(slate, scores=slate.scores * factor)
    for name in ("mmr", "dpp", "spacing", "calibration"):
        assert shown(scaled, mechanism(name, 0.3)) == shown(slate, mechanism(name, 0.3))


def test_unknown_groups_share_nothing():
    assert None in GROUPS
    slate = slate_of([3, 2, 1], categories=[None, None, "a"])

    assert shown(slate, mechanism("spacing", 0.9)) == ["i00", "i01", "i02"]
