"""What is judged offline is what the service answers: each mechanism, each logged request."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.replay import replay
from sluice.flows.logged_slates import logged_slates
from sluice.mechanisms.arrangement import Arrangement
from sluice.mechanisms.spec import MechanismSpec
from sluice.rankers import make_ranker
from sluice.serving.scorer import Scorer
from tests.lib.random_logs import at, eventful_logs, log, micros

SHOWN = CounterSpec(key="user_category", event="exposure", windows=("30m",))
SPEC = FeatureSpec(
    windows=("10m",), affinity=("category",), similarity=2, counters=(SHOWN,)
)
DELAYS = st.fixed_dictionaries(
    {
        "embargo": st.sampled_from(("0s", "1d")),
        "horizon": st.sampled_from((None, "30m", "1d")),
    }
)
DECLARED = [
    [{"kind": "mmr", "weight": 0.6}],
    [{"kind": "mmr", "of": "provider", "weight": 0.6}],
    [{"kind": "dpp", "weight": 0.6}],
    [{"kind": "dpp", "of": "category", "weight": 0.6}],
    [{"kind": "spacing", "weight": 0.6}],
    [{"kind": "calibration", "weight": 0.9, "min_history": 0.0}],
    [{"kind": "provider_floors"}],
    [{"kind": "ads", "first": 1}],
    [
        {"kind": "provider_floors"},
        {"kind": "mmr", "weight": 0.4},
        {"kind": "calibration", "min_history": 1.0, "weight": 0.5},
        {"kind": "ads"},
    ],
]


def arrangement_of(declared):
    found = TypeAdapter(tuple[MechanismSpec, ...]).validate_python(declared)
    return Arrangement(declared=found, prices={"p": 1.5, "q": 0.5})


@cache
def exposures_counted():
    """A ranker whose scores differ; fitted on another log, for this one may have no click."""
    tables = log([(0, "u", ["a", "b"])], [(0, "u", "a", 1, 1)])
    ranker = make_ranker("popularity", {"feature": "item.exposure.all"})
    frame = replay(SPEC, FeedbackKind.CLICK, tables).frame
    return ranker.fit(frame, np.random.default_rng(1))


def parts_of(tables, cut):
    """What is received before the cut, and what after it; all facts come at once."""
    shown, told = tables.exposures["ts"], tables.feedback["received_ts"]
    yield LogTables(
        tables.exposures.filter(shown < cut),
        tables.feedback.filter(told < cut),
        tables.items,
    )
    yield LogTables(
        tables.exposures.filter(shown >= cut),
        tables.feedback.filter(told >= cut),
        tables.items[:0],
    )


def reloaded(state, folder):
    state.save(folder)
    return FeatureState.load(folder)


@pytest.mark.parametrize(
    "declared", DECLARED, ids=lambda each: "+".join(one["kind"] for one in each)
)
@settings(max_examples=40, deadline=None)
@given(eventful_logs(), st.integers(0, 3 * 86_400), DELAYS)
def test_a_logged_request_is_judged_in_the_order_it_would_be_served_in(
    tmp_path_factory, declared, tables, cut, delays
):
    """Served by a state that was saved at some moment, loaded, and told what happened since."""
    spec, arrangement = (
        SPEC.model_copy(update=delays),
        arrangement_of(declared),
    )
    frame = replay(spec, FeedbackKind.CLICK, tables).frame
    ranker = exposures_counted()
    slates = logged_slates(
        frame, tables, ranker.score(frame.features), spec, arrangement.columns
    )
    places = arrangement.places(slates)
    users = dict(tables.exposures.select("request_id", "user_id").iter_rows())
    before, after = parts_of(tables, at(cut))
    state = FeatureState.empty(spec)
    state.push(before)
    state.advance(micros(at(cut)))
    state = reloaded(state, tmp_path_factory.mktemp("state"))
    state.push(after)
    service = Scorer(ranker, state, arrangement)

    _, served = frame.split_at(micros(at(cut)))
    first = frame.requests - served.requests
    for nth in range(first, frame.requests):
        rows = slice(int(frame.offsets[nth]), int(frame.offsets[nth + 1]))
        items = tuple(frame.item_ids[rows])
        asked = Request(users[frame.request_ids[nth]], items, int(frame.ts[nth]))
        ranking = service.rank(asked)

        np.testing.assert_array_equal(ranking.scores, slates.scores[rows])
        assert ranking.order.tolist() == np.argsort(-places[rows], kind="stable").tolist()
