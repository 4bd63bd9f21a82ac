"""Events as they arrive: in any batches and any order, with the bits of the replay where none is late."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.data.schema import FeedbackKind
from sluice.errors import DataError
from sluice.features.declaration.layout import NEVER
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state import event_queue
from sluice.features.state.feature_state import FeatureState, Late, Request
from sluice.features.state.readings import categories_of, embeddings_of, providers_of
from sluice.features.state.replay import replay
from tests.lib.live_logs import batches, disordered_logs, play, punctual_logs
from tests.lib.random_logs import ITEM_IDS, USER_IDS, at, log, micros

EMBARGO_S = 600
SPEC = FeatureSpec(
    embargo=f"{EMBARGO_S}s", windows=("1h", "1d"), half_lives=("30m", "1d"),
    affinity=("provider", "category"), transitions=2, similarity=2,
    counters=(
        CounterSpec(key="user", event="exposure", windows=("2h", "all"), since=True),
        CounterSpec(key="surface", event="like", windows=("2h", "all"), half_lives=("6h",)),
        CounterSpec(key="user_provider", event="like", windows=("30h",), since=True),
        CounterSpec(key="previous_item", event="click", windows=("30h",), half_lives=("6h",)),
        CounterSpec(key="provider", event="exposure", windows=("2h",), half_lives=("6h",)),
    ),
    relative=("rank",), relative_of=("item.ctr.1d", "user_item.similarity"),
)  # fmt: skip
FORGETFUL = SPEC.model_copy(update={"horizon": "1d", "item_horizon": "30h"})
SPECS = pytest.mark.parametrize("spec", [SPEC, FORGETFUL], ids=["endless", "horizon"])
DAY = 86_400
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=6)
TIMES = st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=8)


@SPECS
@settings(max_examples=15, deadline=None)
@given(live=punctual_logs(EMBARGO_S), sizes=SIZES, noise=TIMES, packs=st.booleans())
def test_rows_that_come_within_the_embargo_give_the_bits_of_the_replay(
    spec, live, sizes, noise, packs
):
    frame = replay(spec, FeedbackKind.CLICK, live.tables).frame
    users = dict(live.tables.exposures.select("request_id", "user_id").iter_rows())
    moments = [(int(ts), nth) for nth, ts in enumerate(frame.ts)]
    moments += [(micros(at(seconds)), None) for seconds in noise]
    state, coming = FeatureState.empty(spec), list(live.rows)
    for ts, nth in sorted(moments, key=lambda moment: moment[0]):
        here = [row for row in coming if row.arrives < ts]
        coming = coming[len(here) :]
        for rows in batches(here, sizes):
            pushed = state.push(live.batch(rows), Late.COUNT)
            assert (pushed.late, pushed.late_facts) == (0, 0)
            if packs:
                state.forget()
        if nth is None:
            state.features(Request("v", ("a", "e", "new"), ts))
            # Asked about the earliest moment that can be, windows move back.
            earliest = max(state.earliest, micros(at(-DAY)))
            state.features(Request("v", ("a", "e", "new"), earliest))
            continue
        rows = slice(int(frame.offsets[nth]), int(frame.offsets[nth + 1]))
        asked = Request(users[frame.request_ids[nth]], tuple(frame.item_ids[rows]), ts)
        np.testing.assert_array_equal(state.features(asked), frame.features[rows])


@SPECS
@settings(max_examples=15, deadline=None)
@given(live=disordered_logs(), sizes=SIZES, times=TIMES)
def test_in_any_order_the_same_pushes_and_requests_give_the_same_bits(
    spec, live, sizes, times
):
    times = [micros(at(seconds)) for seconds in times]
    roomy, packed = FeatureState.empty(spec), FeatureState.empty(spec)
    found = play(roomy, live, sizes, times, pack=False)
    again = play(packed, live, sizes, times, pack=True)

    assert found.late == again.late
    for one, other in zip(found.answers, again.answers, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=15, deadline=None)
@given(live=disordered_logs(), sizes=SIZES, times=TIMES)
def test_in_any_order_every_event_counts_once_and_the_newest_fact_is_believed(
    live, sizes, times
):
    end = micros(at(30 * DAY))
    state, straight = FeatureState.empty(SPEC), FeatureState.empty(SPEC)
    play(state, live, sizes, [micros(at(seconds)) for seconds in times], pack=False)
    straight.push(live.tables)
    told = set(live.tables.items["item_id"])
    for user in USER_IDS:
        asked = Request(user, ITEM_IDS, end)
        found, expected = (each.features(asked) for each in (state, straight))
        for nth, name in enumerate(state.names):
            key, _, span = name.partition(".")
            if key in ("item", "user", "surface") and span.endswith(".all"):
                np.testing.assert_array_equal(found[:, nth], expected[:, nth], name)
            if name in ("user_item.exposure", "user_item.click", "item.exposure.1d"):
                np.testing.assert_array_equal(found[:, nth], expected[:, nth], name)
            if name == "item.age":
                same = [item in told for item in ITEM_IDS]
                np.testing.assert_array_equal(found[same, nth], expected[same, nth], name)
    for read in (providers_of, categories_of, embeddings_of):
        np.testing.assert_array_equal(read(state, ITEM_IDS), read(straight, ITEM_IDS))


def _told(state: FeatureState, item: str, ts: int) -> dict[str, float]:
    found = state.copy().features(Request("w", (item,), ts))
    return dict(zip(state.names, found[0].tolist(), strict=True))


def _at_ten() -> FeatureState:
    state = FeatureState.empty(FeatureSpec(windows=("1h",)))
    state.push(log([(0, "u", ["a"]), (10, "v", ["a"])]))
    state.advance(micros(at(20)))
    return state


def test_a_late_event_counts_from_the_moment_after_the_clock():
    state = _at_ten()
    late = log([(5, "u", ["b"]), (30, "u", ["b"])], [(0, "u", "a", 6, 7)])
    with pytest.raises(DataError, match="2 events were known by"):
        state.push(late)
    pushed = state.push(late, Late.COUNT)

    assert (pushed.late, pushed.late_facts, state.clock) == (2, 0, micros(at(10)))
    assert state.earliest == state.clock + 1
    for after, counted in ((1, 0), (2, 1)):
        assert _told(state, "b", state.clock + after)["item.exposure.1h"] == counted
        assert _told(state, "a", state.clock + after)["item.click.all"] == counted
    assert _told(state, "b", micros(at(31)))["item.exposure.all"] == 2


def test_an_older_fact_never_replaces_a_newer_one():
    state = _at_ten()
    spoken = {"item_id": "a", "provider_id": "new", "valid_from": at(9)}
    assert state.push(log([], items=[spoken])).late_facts == 1
    older = {"item_id": "a", "provider_id": "old", "category": "x", "published_at": at(-30),
             "valid_from": at(3)}  # fmt: skip
    oldest = {**older, "published_at": at(-90), "valid_from": at(2)}
    for fact in (older, oldest):
        state.advance(micros(at(20)))
        assert state.push(log([], items=[fact])).late_facts == 1
    state.advance(micros(at(20)))

    assert (providers_of(state, ["a"]), categories_of(state, ["a"])) == (["new"], [None])
    # The newer ones do not say when it was published, and the older of these two is not the last word.
    assert _told(state, "a", micros(at(20)))["item.age"] == 50


def test_a_loaded_state_holds_what_it_believes_to_be_as_new_as_its_clock(tmp_path):
    state = _at_ten()
    state.push(log([], items=[{"item_id": "a", "provider_id": "p", "valid_from": at(9)}]))
    state.advance(micros(at(20)))
    state.save(tmp_path)
    again = FeatureState.load(tmp_path)
    facts = [
        {"item_id": name, "provider_id": "old", "valid_from": at(3)} for name in ("a", "b")
    ]
    again.push(log([], items=facts))
    again.advance(micros(at(20)))
    assert providers_of(again, ["a", "b"]) == ["p", "old"]

    again.push(
        log([], items=[{"item_id": "a", "provider_id": "newer", "valid_from": at(12)}])
    )
    again.advance(micros(at(20)))
    assert providers_of(again, ["a"]) == ["newer"]


def test_a_batch_that_is_refused_leaves_the_state_as_it_was():
    state = FeatureState.empty(FeatureSpec(similarity=1))
    state.push(log([(0, "u", ["a"])], items=[{"item_id": "a", "embedding": [1.0]}]))
    before = _told(state, "a", micros(at(60)))
    with pytest.raises(DataError, match="vectors of 1, 2 values"):
        state.push(
            log([(5, "u", ["a"])], items=[{"item_id": "b", "embedding": [1.0, 2.0]}])
        )

    assert state.newest == micros(at(0))
    assert _told(state, "a", micros(at(60))) == pytest.approx(before, nan_ok=True)


def test_the_newest_event_is_the_newest_pushed_without_its_embargo():
    state = FeatureState.empty(FeatureSpec(embargo="10m"))
    assert (state.newest, state.clock, state.earliest) == (NEVER, NEVER, NEVER + 1)
    state.push(log([(10, "u", ["a"])], [(0, "u", "a", 11, 40)]))
    assert (state.newest, state.clock) == (micros(at(40)), NEVER)
    state.advance(micros(at(1000)))
    state.push(log([(700, "u", ["a"])]))

    assert (state.newest, state.clock) == (micros(at(700)), micros(at(640)))


def test_what_a_request_meets_for_the_first_time_is_counted():
    facts = [
        {"item_id": "provided", "provider_id": "p"}, {"item_id": "sorted", "category": "c"},
        {"item_id": "dated", "published_at": at(-30)}, {"item_id": "named"},
    ]  # fmt: skip
    state = FeatureState.empty(FeatureSpec())
    state.push(log([(0, "u", ["shown"])], items=facts))
    items = ("provided", "sorted", "dated", "named", "shown", "strange", "stranger")
    for user, stranger in (("u", False), ("nobody", True)):
        asked = Request(user, items, micros(at(60)))
        answer = state.answer(asked)
        unknown = answer.unknown
        assert (unknown.items, unknown.without_facts, unknown.user) == (2, 4, stranger)
        assert state.unknown(asked) == unknown
        np.testing.assert_array_equal(answer.features, state.features(asked))


def test_what_was_forgotten_is_unknown_again():
    state = FeatureState.empty(
        FeatureSpec(windows=("1h",), horizon="2h", item_horizon="3h")
    )
    state.push(log([(0, "u", ["a"])], items=[{"item_id": "a", "provider_id": "p"}]))
    for hours, expected in ((1, (0, 0, False)), (2.5, (0, 0, True)), (4, (1, 1, True))):
        unknown = state.answer(Request("u", ("a",), micros(at(3600 * hours)))).unknown
        assert (unknown.items, unknown.without_facts, unknown.user) == expected


def test_what_is_pushed_moves_nothing_that_is_there_but_now_and_then(monkeypatch):
    moved, laid_out = [], event_queue._laid_out

    def counted(queue, *rest):
        moved.append(int((queue.end - queue.first).sum()))
        return laid_out(queue, *rest)

    monkeypatch.setattr(event_queue, "_laid_out", counted)
    state = FeatureState.empty(FeatureSpec(windows=("10h",)))
    events, held = 6000, []
    for second in range(events):
        if second % 10 == 0:
            requests = [(second + nth, "u", ["a"]) for nth in range(10)]
            state.push(log(requests))
            state.advance(micros(at(second + 10)))
            held.append(len(state.known.queue.at))
    assert sum(moved) < 8 * events
    assert held[-1] < 2 * events


def test_events_that_no_window_holds_any_more_leave_the_queue():
    state = FeatureState.empty(FeatureSpec(windows=("1h",)))
    for hour in range(60):
        state.push(log([(3600 * hour + 9 * nth, "u", ["a"]) for nth in range(400)]))
        state.advance(micros(at(3600 * (hour + 1))))

    assert len(state.known.queue.at) < 4 * 400
    assert _told(state, "a", micros(at(3600 * 60)))["item.exposure.all"] == 60 * 400
