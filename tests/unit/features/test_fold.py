"""The fold against a plain reading of each feature's meaning, and offline against online."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError, IntegrityError, StaleState, TooLittleData
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.replay import replay
from tests.lib.random_logs import START, at, log, micros, random_logs

SPEC = FeatureSpec(
    windows=("10m", "1h"),
    half_lives=("30m",),
    affinity=("provider",),
    transitions=2,
    relative=("rank", "share", "difference"),
    relative_of=("item.click.1h", "item.ctr.all"),
)


def _replayed(tables: LogTables, spec: FeatureSpec = SPEC):
    return replay(spec, FeedbackKind.CLICK, tables)


def _rows(tables: LogTables):
    """(request row, its ts, user, item) of every exposure, in frame order."""
    return list(tables.exposures.select("ts", "user_id", "item_id").iter_rows())


def _counted(
    tables: LogTables, item: str, ts, window_s: float | None, embargo_s: float = 0
):
    """Exposures and answered clicks of an item that a plain reading counts at `ts`."""

    def inside(moment) -> bool:
        age = (ts - moment).total_seconds() - embargo_s
        return age > 0 and (window_s is None or age <= window_s)

    shown = sum(
        inside(when) for when, name in tables.exposures.select("ts", "item_id").iter_rows()
        if name == item
    )  # fmt: skip
    clicks = tables.feedback.filter(tables.feedback["request_id"].is_not_null())
    clicked = sum(
        inside(when) for when, name in clicks.select("received_ts", "item_id").iter_rows()
        if name == item
    )  # fmt: skip
    return shown, clicked


@settings(max_examples=60, deadline=None)
@given(random_logs(), st.sampled_from(("0s", "5m")))
def test_windowed_counts_are_what_was_known_strictly_before(tables, embargo):
    spec = SPEC.model_copy(update={"embargo": embargo})
    frame = _replayed(tables, spec).frame
    late = 0 if embargo == "0s" else 300

    for row, (ts, _, item) in enumerate(_rows(tables)):
        for label, seconds in (("10m", 600), ("1h", 3600), ("all", None)):
            shown, clicked = _counted(tables, item, ts, seconds, late)
            assert frame.column(f"item.exposure.{label}")[row] == shown
            assert frame.column(f"item.click.{label}")[row] == clicked


@settings(max_examples=40, deadline=None)
@given(random_logs())
def test_user_history_counts_what_this_person_saw_and_clicked_before(tables):
    frame = _replayed(tables).frame
    seen = list(tables.exposures.select("ts", "user_id", "item_id").iter_rows())
    clicks = list(tables.feedback.select("received_ts", "user_id", "item_id").iter_rows())

    for row, (ts, user, item) in enumerate(_rows(tables)):
        shown = sum(when < ts and (who, what) == (user, item) for when, who, what in seen)
        clicked = sum(
            when < ts and (who, what) == (user, item) for when, who, what in clicks
        )
        assert frame.column("user_item.exposure")[row] == shown
        assert frame.column("user_item.click")[row] == clicked


@settings(max_examples=40, deadline=None)
@given(random_logs())
def test_decayed_counts_halve_every_half_life(tables):
    frame = _replayed(tables).frame

    for row, (ts, _, item) in enumerate(_rows(tables)):
        ages = [
            (ts - when).total_seconds()
            for when, name in tables.exposures.select("ts", "item_id").iter_rows()
            if name == item and when < ts
        ]
        expected = sum(0.5 ** (age / 1800) for age in ages)
        assert frame.column("item.exposure.decay_30m")[row] == pytest.approx(
            expected, rel=1e-5
        )


def test_relative_forms_compare_with_the_other_candidates():
    tables = log(
        [(0, "u", ["a", "b"]), (10, "v", ["b"]), (20, "w", ["a", "b", "c"])],
        [(0, "u", "a", 1, 1), (0, "u", "b", 1, 1), (1, "v", "b", 11, 11)],
    )
    frame = _replayed(tables).frame.take(2, 3)

    assert frame.column("item.click.1h").tolist() == [1, 2, 0]
    assert frame.column("item.click.1h.rank").tolist() == [2, 1, 3]
    assert frame.column("item.click.1h.share").tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert frame.column("item.click.1h.difference").tolist() == [0, 1, -1]
    assert frame.column("request.size").tolist() == [3, 3, 3]


def test_rates_are_smoothed_towards_the_surface_rate():
    tables = log(
        [(0, "u", ["a", "b"]), (20, "w", ["a", "b", "c"])],
        [(0, "u", "a", 1, 1)],
    )
    frame = _replayed(tables).frame.take(1, 2)
    prior, weight = 1 / 2, SPEC.prior_weight

    assert frame.column("item.ctr.all").tolist() == pytest.approx(
        [(1 + weight * prior) / (1 + weight), weight * prior / (1 + weight), prior]
    )


def test_transitions_follow_the_last_clicks():
    tables = log(
        [(100, "u", ["b", "c"])],
        [
            (None, "v", "a", 1, 1), (None, "v", "b", 2, 2),  # v went a -> b
            (None, "w", "a", 3, 3), (None, "w", "c", 4, 4),  # w went a -> c
            (None, "u", "a", 5, 5),
        ],
    )  # fmt: skip
    frame = _replayed(tables).frame

    assert frame.column("transition.last").tolist() == pytest.approx([1 / 3, 1 / 3])


def test_age_counts_from_publication_or_else_from_the_first_exposure():
    tables = log(
        [(0, "u", ["a", "b"]), (60, "v", ["a", "b"])],
        items=[{"item_id": "a", "published_at": at(-30)}],
    )
    ages = _replayed(tables).frame.column("item.age")

    assert ages[[0, 2, 3]].tolist() == [30, 90, 60]
    assert np.isnan(ages[1])


def test_a_later_history_does_not_change_what_was_known():
    requests = [(0, "u", ["a", "b"]), (100, "u", ["a", "b"]), (200, "v", ["a", "b"])]
    plain = log(requests, [(0, "u", "a", 1, 1)])
    later = log(
        requests,
        [(0, "u", "a", 1, 1), (None, "u", "b", 150, 150), (None, "v", "a", 300, 300)],
    )

    before = _replayed(plain).frame.take(0, 2).features
    after = _replayed(later).frame.take(0, 2).features
    assert np.array_equal(before, after, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(random_logs(), st.data())
def test_any_split_between_replay_and_live_gives_the_same_bits(tables, data):
    offline = _replayed(tables).frame
    cut = data.draw(st.integers(0, 8000), label="seconds of replay before going live")
    state = FeatureState.empty(SPEC)
    past, coming = _cut(tables, at(cut))
    state.push(past)

    for request in range(offline.requests):
        low, high = int(offline.offsets[request]), int(offline.offsets[request + 1])
        ts = int(offline.ts[request])
        if ts >= micros(at(cut)) and coming is not None:
            state.push(coming)
            coming = None
        row = tables.exposures[low]
        asked = Request(row["user_id"].item(), tuple(offline.item_ids[low:high]), ts)
        if ts <= state.clock:
            continue
        assert np.array_equal(
            state.features(asked), offline.features[low:high], equal_nan=True
        )


def _cut(tables: LogTables, moment):
    """Events known before a moment, and those after it."""
    shown, known = tables.exposures["ts"] < moment, tables.feedback["received_ts"] < moment
    return (
        LogTables(
            tables.exposures.filter(shown), tables.feedback.filter(known), tables.items
        ),
        LogTables(
            tables.exposures.filter(~shown),
            tables.feedback.filter(~known),
            tables.items[:0],
        ),
    )


@settings(max_examples=30, deadline=None)
@given(random_logs())
def test_a_saved_state_answers_with_the_same_bits(tmp_path_factory, tables):
    state = _replayed(tables).state
    state.advance(micros(at(9000)))
    folder = tmp_path_factory.mktemp("state")
    state.save(folder)
    again = FeatureState.load(folder)
    asked = Request("u", ("a", "b", "zzz"), micros(at(9000)))

    assert again.clock == state.clock
    assert np.array_equal(again.features(asked), state.features(asked), equal_nan=True)
    again.save(other := tmp_path_factory.mktemp("again"))
    for name in ("state.npz", "ids.json", "state.json"):
        assert (other / name).read_bytes() == (folder / name).read_bytes()


def test_asking_about_a_later_moment_does_not_change_an_earlier_answer():
    tables = log([(0, "u", ["a", "b"]), (10, "v", ["a"])], [(0, "u", "a", 1, 2)])
    state = _replayed(tables).state
    state.advance(micros(at(20)))
    soon = Request("w", ("a", "b"), micros(at(30)))
    first = state.features(soon)
    state.features(Request("w", ("a", "b"), micros(at(86_400))))

    assert np.array_equal(state.features(soon), first, equal_nan=True)


def test_a_request_before_the_clock_is_stale():
    state = _replayed(log([(0, "u", ["a"]), (10, "v", ["a"])])).state
    state.advance(micros(at(20)))

    with pytest.raises(StaleState, match="ask for a later time"):
        state.features(Request("w", ("a",), micros(at(10))))


def test_an_event_from_before_the_clock_is_refused():
    state = _replayed(log([(0, "u", ["a"]), (10, "v", ["a"])])).state
    state.advance(micros(at(20)))

    with pytest.raises(DataError, match="1 events were known by"):
        state.push(log([(5, "u", ["a"])]))


def test_unknown_people_and_items_score_as_new():
    state = _replayed(log([(0, "u", ["a"])], [(0, "u", "a", 1, 1)])).state
    features = state.features(Request("nobody", ("nothing",), micros(at(60))))
    values = dict(zip(state.names, features[0], strict=True))

    assert values["item.exposure.all"] == 0
    assert values["user_item.click"] == 0
    assert np.isnan(values["item.age"])


def test_a_damaged_state_file_is_named(tmp_path):
    state = _replayed(log([(0, "u", ["a"])])).state
    state.save(tmp_path)
    (tmp_path / "state.npz").write_bytes((tmp_path / "state.npz").read_bytes()[:40])

    with pytest.raises(IntegrityError, match="damaged"):
        FeatureState.load(tmp_path)


def test_no_exposure_is_too_little():
    with pytest.raises(TooLittleData):
        _replayed(log([]))


def test_labels_are_the_largest_value_received():
    tables = log([(0, "u", ["a", "b"])], [(0, "u", "a", 1, 1), (0, "u", "a", 2, 2)])

    assert _replayed(tables).frame.labels.tolist() == [1, 0]
    assert micros(START) == _replayed(tables).frame.ts[0]
