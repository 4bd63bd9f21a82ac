"""Every declared kind of counter against a plain reading, and offline against online."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError, IntegrityError, StaleState
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.readings import categories_of, providers_of
from sluice.features.state.replay import replay
from tests.lib.feature_oracle import Oracle
from tests.lib.random_logs import at, eventful_logs, log, micros

KEYS = (
    "provider", "category", "user", "surface", "user_item", "user_provider", "user_category",
    "previous_item",
)  # fmt: skip
EVENTS = ("exposure", "click", "like")
SPEC = FeatureSpec(
    windows=("1h", "1d"),
    half_lives=("30m", "1d"),
    affinity=("provider", "category"),
    transitions=2,
    similarity=2,
    counters=(
        *(
            CounterSpec(
                key=key, event=event, windows=("2h", "30h"), half_lives=("6h",),
                rate=event == "like", since=True,
            )
            for key, event in product(KEYS, EVENTS)
        ),
        CounterSpec(key="item", event="like", windows=("1d", "all"), rate=True),
        CounterSpec(key="item", event="hide", since=True),
    ),
    ratios=("item.click.1h/1d", "user.click.2h/30h"),
    relative=("rank", "share", "difference", "z"),
    relative_of=("item.ctr.1d", "user_item.similarity", "provider.like.2h"),
)  # fmt: skip


def _frame(tables: LogTables, spec: FeatureSpec = SPEC):
    return replay(spec, FeedbackKind.CLICK, tables).frame


def _asked(tables: LogTables):
    rows = tables.exposures.select("ts", "user_id", "item_id").iter_rows()
    return [(micros(ts), user, item) for ts, user, item in rows]


@settings(max_examples=20, deadline=None)
@given(eventful_logs(), st.sampled_from(("0s", "5m")))
def test_every_counter_is_what_a_plain_reading_counts(tables, embargo):
    spec = SPEC.model_copy(update={"embargo": embargo})
    frame, oracle = _frame(tables, spec), Oracle(tables, spec)

    for row, asked in enumerate(_asked(tables)):
        for counter in spec.counters:
            key, event = counter.key, counter.event
            for span in (*counter.spans, *(("since",) if counter.since else ())):
                found = frame.column(f"{key}.{event}.{span}")[row]
                expected = oracle.count(key, event, span, asked)
                assert found == pytest.approx(expected, rel=1e-5, abs=1e-30, nan_ok=True)
            for span in counter.spans if counter.rate else ():
                found = frame.column(f"{key}.{event}_rate.{span}")[row]
                expected = oracle.rate(key, event, span, asked, spec.prior_weight)
                assert found == pytest.approx(expected, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(eventful_logs())
def test_similarity_is_the_cosine_with_the_mean_of_the_last_clicked(tables):
    frame, oracle = _frame(tables), Oracle(tables, SPEC)

    for row, asked in enumerate(_asked(tables)):
        found = frame.column("user_item.similarity")[row]
        expected = oracle.similarity(SPEC.similarity, asked)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(eventful_logs(), st.lists(st.integers(0, 4 * 86_400), max_size=3))
def test_any_batches_of_events_give_the_same_bits(tables, cuts):
    offline = _frame(tables)
    state = FeatureState.empty(SPEC)
    batches = _batches(tables, [at(cut) for cut in sorted(cuts)])
    _, first = next(batches)
    state.push(first)
    coming = list(batches)

    for request in range(offline.requests):
        ts = int(offline.ts[request])
        while coming and micros(coming[0][0]) <= ts:
            state.push(coming.pop(0)[1])
        low, high = offline.offsets[request], offline.offsets[request + 1]
        user = tables.exposures[int(low)]["user_id"].item()
        asked = Request(user, tuple(offline.item_ids[low:high]), ts)
        if ts > state.clock:
            found = state.features(asked)
            assert np.array_equal(found, offline.features[low:high], equal_nan=True)


def _batches(tables: LogTables, cuts):
    """(start, what was known from there to the next cut); all facts come first."""
    starts = [at(-1e6), *cuts]
    ends = [*cuts, at(1e7)]
    for start, end in zip(starts, ends, strict=True):
        shown, told = tables.exposures["ts"], tables.feedback["received_ts"]
        yield (
            start,
            LogTables(
                tables.exposures.filter((shown >= start) & (shown < end)),
                tables.feedback.filter((told >= start) & (told < end)),
                tables.items if start == starts[0] else tables.items[:0],
            ),
        )


@settings(max_examples=20, deadline=None)
@given(eventful_logs(), st.integers(0, 4 * 86_400), st.integers(1, 86_400))
def test_a_loaded_state_goes_on_as_the_saved_one(tmp_path_factory, tables, cut, later):
    (_, past), (_, coming) = _batches(tables, [at(cut)])
    state = FeatureState.empty(SPEC)
    state.push(past)
    state.advance(micros(at(cut)))
    folder = tmp_path_factory.mktemp("state")
    state.save(folder)
    again = FeatureState.load(folder)
    ts = micros(at(cut + later))

    for each in (state, again):
        each.push(coming)
    asked = Request("u", ("a", "b", "e", "new"), max(ts, state.clock + 1))
    assert np.array_equal(again.features(asked), state.features(asked), equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(eventful_logs())
def test_requests_asked_in_between_do_not_change_an_answer(tables):
    quiet = replay(SPEC, FeedbackKind.CLICK, tables).state
    busy = FeatureState.empty(SPEC)
    busy.push(tables)
    for seconds in range(0, 4 * 86_400, 5000):
        busy.features(Request("v", ("a", "c"), micros(at(seconds))))
    asked = Request("u", ("a", "b", "c"), micros(at(6 * 86_400)))

    assert np.array_equal(busy.features(asked), quiet.features(asked), equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(eventful_logs())
def test_a_horizon_that_nothing_outlives_changes_nothing(tables):
    forgetful = SPEC.model_copy(update={"horizon": "5d"})

    found, expected = _frame(tables, forgetful), _frame(tables)
    assert np.array_equal(found.features, expected.features, equal_nan=True)


def test_an_idle_key_is_forgotten_but_not_what_the_item_is():
    spec = FeatureSpec(windows=("1h",), half_lives=("1h",), horizon="2h")
    day = 86_400
    tables = log(
        [(0, "u", ["a"]), (day, "u", ["a"]), (day + 60, "u", ["a"])],
        items=[{"item_id": "a", "published_at": at(-30)}],
    )
    frame = _frame(tables, spec)

    assert frame.column("item.exposure.all").tolist() == [0, 0, 1]
    assert frame.column("user_item.exposure").tolist() == [0, 0, 1]
    assert frame.column("item.exposure.1h").tolist() == [0, 0, 1]
    assert frame.column("item.age").tolist() == [30, day + 30, day + 90]


def test_idle_pairs_leave_the_state():
    spec = FeatureSpec(windows=("1h",), horizon="2h")
    tables = log([(60 * n, "u", [f"item{n}"]) for n in range(400)])
    state = replay(spec, FeedbackKind.CLICK, tables).state
    table = state.plan.rows.table("user_item")
    before = int(state.known.memory.tables[table, -1])
    state.forget()

    assert before == 399
    assert int(state.known.memory.tables[table, -1]) == 121


def test_a_state_that_heard_nothing_lately_says_so():
    spec = FeatureSpec(fresh="1h")
    state = replay(spec, FeedbackKind.CLICK, log([(0, "u", ["a"])])).state

    state.features(Request("u", ("a",), micros(at(3600))))
    with pytest.raises(StaleState, match=r"features\.fresh = 1h"):
        state.features(Request("u", ("a",), micros(at(3601))))


def test_vectors_of_two_lengths_are_refused():
    items = [
        {"item_id": "a", "embedding": [1.0]},
        {"item_id": "b", "embedding": [1.0, 2.0]},
    ]

    with pytest.raises(DataError, match=r"items\.embedding: vectors of 1, 2 values"):
        _frame(log([(0, "u", ["a"])], items=items))
    assert _frame(log([(0, "u", ["a"])], items=items), FeatureSpec()).rows == 1


def test_providers_and_categories_are_named():
    items = [{"item_id": "a", "provider_id": "p", "category": None}, {"item_id": "b"}]
    state = replay(SPEC, FeedbackKind.CLICK, log([(0, "u", ["a"])], items=items)).state
    state.advance(micros(at(1)))

    assert providers_of(state, ("a", "b", "zzz")) == ["p", None, None]
    assert categories_of(state, ("a",)) == [None]


def test_a_state_of_another_format_is_refused(tmp_path):
    state = replay(SPEC, FeedbackKind.CLICK, log([(0, "u", ["a"])])).state
    state.save(tmp_path)
    meta = tmp_path / "state.json"
    meta.write_text(meta.read_text().replace('"format": 5', '"format": 1'))

    with pytest.raises(IntegrityError, match="format 1, this version reads 5"):
        FeatureState.load(tmp_path)


def test_a_changed_file_is_named_by_its_digest(tmp_path):
    state = replay(SPEC, FeedbackKind.CLICK, log([(0, "u", ["a"])])).state
    state.save(tmp_path)
    ids = tmp_path / "ids.json"
    ids.write_bytes(ids.read_bytes().replace(b'"a"', b'"b"'))

    with pytest.raises(IntegrityError, match=r"ids\.json is damaged"):
        FeatureState.load(tmp_path)
