"""What a state tells beside features: against a plain reading, however its events came."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sluice.errors import ConfigError
from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.readings import (
    categories_of,
    embeddings_of,
    interest_of,
    providers_of,
    telling,
    told_by,
)
from tests.lib.feature_oracle import Oracle
from tests.lib.random_logs import ITEM_IDS, USER_IDS, at, eventful_logs, log, micros

KEPT = FeatureSpec(affinity=("category",), similarity=1)
ASKED = (*ITEM_IDS, "never heard of")
CLICKED, SHOWN = (
    CounterSpec(key="user_category", event=event, windows=("all",))
    for event in ("click", "exposure")
)
LIKED = CounterSpec(key="user", event="like", windows=("all",))


def known(tables, ts, spec=KEPT):
    state = FeatureState.empty(spec)
    state.push(tables)
    state.advance(ts)
    return state


@settings(max_examples=60, deadline=None)
@given(eventful_logs(), st.integers(-10, 3 * 86_400))
def test_vectors_are_the_newest_told_before_the_moment(tables, moment):
    ts = micros(at(moment))
    oracle, found = Oracle(tables, KEPT), embeddings_of(known(tables, ts), ASKED)

    for item, vector in zip(ASKED, found, strict=True):
        told = oracle.vector(item, ts)
        np.testing.assert_array_equal(
            vector, np.zeros(len(vector)) if told is None else told
        )


@settings(max_examples=60, deadline=None)
@given(eventful_logs(), st.integers(-10, 3 * 86_400), st.sampled_from(("0s", "5m")))
def test_interest_is_how_often_each_category_was_clicked(tables, moment, embargo):
    spec, ts = KEPT.model_copy(update={"embargo": embargo}), micros(at(moment))
    oracle, state = Oracle(tables, spec), known(tables, ts, spec)

    for user in (*USER_IDS, "never heard of"):
        expected = Counter(
            event.category
            for event in oracle.events
            if (event.kind, event.user) == ("click", user)
            and event.at < ts
            and event.category is not None
        )
        assert interest_of(state, user, ts) == expected


@settings(max_examples=100, deadline=None)
@given(eventful_logs(), st.sampled_from((2 * 3600 + 1, 20 * 3600 + 1)))
def test_of_an_item_is_told_what_was_said_since_it_was_last_forgotten(tables, seconds):
    spec = KEPT.model_copy(update={"horizon": "1h", "item_horizon": f"{seconds}s"})
    oracle = Oracle(tables, spec)
    counted = [event.at for event in oracle.events if event.kind in oracle.counted]
    # Readings are as of the newest event that is counted: the one before the moment asked for.
    ts = counted[len(counted) // 2] + 1
    state = known(tables, ts, spec)
    heard = {*counted, *(at for at, _, _ in oracle.facts)}
    assume(ts - 1 - seconds * 1_000_000 not in heard)

    assert categories_of(state, ITEM_IDS) == [
        oracle.fact(item, "category", ts) for item in ITEM_IDS
    ]
    assert providers_of(state, ITEM_IDS) == [
        oracle.fact(item, "provider_id", ts) for item in ITEM_IDS
    ]
    for item, found in zip(ITEM_IDS, embeddings_of(state, ITEM_IDS), strict=True):
        expected = oracle.vector(item, ts)
        np.testing.assert_array_equal(found, 0 if expected is None else expected)


@settings(max_examples=60, deadline=None)
@given(
    eventful_logs(),
    st.integers(-10, 4 * 86_400),
    st.sampled_from(((None, None), ("30m", None), ("1d", None), ("30m", "50m"))),
    st.sampled_from(((), (SHOWN,), (SHOWN, CLICKED), (LIKED,))),
)
def test_the_smallest_declaration_tells_what_the_whole_one_does(
    tmp_path_factory, tables, moment, horizons, counters
):
    affinity = () if CLICKED in counters else ("category", "provider")
    spec = FeatureSpec(
        windows=("10m",), affinity=affinity, similarity=3, transitions=2, counters=counters,
        embargo="1m", horizon=horizons[0], item_horizon=horizons[1],
    )  # fmt: skip
    ts = micros(at(moment))
    whole, small = known(tables, ts, spec), known(tables, ts, telling(told_by(compile_plan(spec)), spec))  # fmt: skip
    folder = tmp_path_factory.mktemp("state")
    whole.save(folder)

    for each in (whole, FeatureState.load(folder)):
        np.testing.assert_array_equal(
            embeddings_of(each, ASKED), embeddings_of(small, ASKED)
        )
        for user in USER_IDS:
            assert interest_of(each, user, ts) == interest_of(small, user, ts)
        assert categories_of(each, ASKED) == categories_of(small, ASKED)
        assert providers_of(each, ASKED) == providers_of(small, ASKED)


def test_an_interest_is_forgotten_with_its_pair():
    tables = log(
        [(0, "u", ["a", "b"])],
        [(0, "u", "a", 1, 1), (0, "u", "b", 3601, 3601)],
        [{"item_id": "a", "category": "x"}, {"item_id": "b", "category": "y"}],
    )
    spec = KEPT.model_copy(update={"horizon": "30m", "windows": ()})
    state = known(tables, micros(at(3602)), spec)

    assert interest_of(state, "u", micros(at(3602))) == {"y": 1.0}
    assert interest_of(state, "u", micros(at(3601 + 1800))) == {"y": 1.0}
    assert interest_of(state, "u", micros(at(3602 + 1800))) == {}


def test_an_item_without_a_vector_has_zeros_whatever_the_last_one_has():
    tables = log([(0, "u", ["a"])], [], [{"item_id": "b", "embedding": [1.0, 2.0]}])
    found = embeddings_of(known(tables, micros(at(1))), ("b", "a", "never heard of"))

    assert found.tolist() == [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]


def test_where_no_item_has_a_vector_they_have_no_length():
    assert embeddings_of(FeatureState.empty(KEPT), ASKED).shape == (6, 0)
    assert interest_of(FeatureState.empty(KEPT), "u", 0) == {}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda state: embeddings_of(state, ASKED), r"no embeddings; .*similarity = 1"),
        (
            lambda state: interest_of(state, "u", 0),
            r"no interest; .*affinity = \[\"category",
        ),
    ],
)
def test_what_a_state_does_not_keep_it_refuses_to_tell(ask, said):
    with pytest.raises(ConfigError, match=said):
        ask(FeatureState.empty(FeatureSpec(affinity=("provider",))))
