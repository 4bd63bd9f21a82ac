"""What a state lets go of under a horizon, and that no answer is another for it."""

from functools import reduce
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.delta import Cutter, Delta, Stretch
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.parallel import replay_days_in_parallel
from sluice.features.state.readings import categories_of, embeddings_of, providers_of
from sluice.features.state.replay import replay, replay_days, replay_into
from sluice.features.strings import codes
from sluice.features.strings.codes import Codes
from tests.lib.random_logs import ITEM_IDS, START, at, eventful_logs, log, micros

SPEC = FeatureSpec(
    windows=("1h", "5h"), half_lives=("6h",), horizon="20h", affinity=("category",),
    transitions=2, similarity=2, relative=("rank",), relative_of=("item.ctr.5h",),
    counters=(
        {"key": "user", "event": "exposure", "windows": ("2h", "all"), "half_lives": ("6h",)},
        {"key": "user_provider", "event": "like", "since": True},
    ),
)  # fmt: skip
DAY = 86_400
FORGETS_ITEMS = SPEC.model_copy(update={"horizon": "6h", "item_horizon": "7h"})
SPECS = pytest.mark.parametrize("spec", [SPEC, FORGETS_ITEMS], ids=["people", "items"])


def _named_by_day(tables: LogTables) -> LogTables:
    """The log, in which nobody comes back on another day than the next."""
    first = pl.lit(START).dt.epoch("s")

    def name(ts: str) -> pl.Expr:
        day = (pl.col(ts).dt.epoch("s") - first) // DAY
        return pl.format("{}-{}", "user_id", day // 2)

    return LogTables(
        tables.exposures.with_columns(user_id=name("ts")),
        tables.feedback.with_columns(user_id=name("ts")),
        tables.items,
    )


def _between(tables: LogTables, start: float, end: float) -> LogTables:
    shown, told = tables.exposures["ts"], tables.feedback["received_ts"]
    return LogTables(
        tables.exposures.filter((shown >= at(start)) & (shown < at(end))),
        tables.feedback.filter((told >= at(start)) & (told < at(end))),
        tables.items if start < 0 else tables.items[:0],
    )


@SPECS
@settings(max_examples=30, deadline=None)
@given(
    tables=eventful_logs(),
    cuts=st.lists(st.integers(0, 4 * DAY), min_size=1, max_size=4),
    saved=st.booleans(),
)
def test_a_state_that_lets_go_answers_as_one_that_keeps_everything(
    tmp_path_factory, spec, tables, cuts, saved
):
    tables = _named_by_day(tables)
    keeps, lets_go = FeatureState.empty(spec), FeatureState.empty(spec)
    bounds = [-1e6, *sorted(cuts), 5 * DAY]
    for start, end in pairwise(bounds):
        for state in (keeps, lets_go):
            state.push(_between(tables, start, end))
            state.advance(micros(at(end)))
        lets_go.forget()
        if saved:
            folder = tmp_path_factory.mktemp("state")
            lets_go.save(folder)
            lets_go = FeatureState.load(folder)
        for user in sorted({*tables.exposures["user_id"], *tables.feedback["user_id"]}):
            asked = Request(user, ("a", "b", "c", "new"), micros(at(end)) + 1)
            found, expected = (state.copy().features(asked) for state in (lets_go, keeps))
            np.testing.assert_array_equal(found, expected, err_msg=user)
        for told in (providers_of, categories_of, embeddings_of):
            found, expected = (told(state, ITEM_IDS) for state in (lets_go, keeps))
            np.testing.assert_array_equal(found, expected)


@SPECS
def test_a_request_without_candidates_has_no_features_under_a_horizon(spec):
    state = FeatureState.empty(spec)
    state.push(log([(0, "u", ["a"])]))
    asked = Request("u", (), micros(at(DAY)))

    assert state.features(asked).shape == (0, len(state.names))


def _passers_by(day: int, people: int) -> LogTables:
    return log([
        (day * DAY + 60 * number, f"user-{day}-{number}", ["a", "b"]) for number in range(people)
    ])  # fmt: skip


def test_people_who_stay_away_leave_the_state(monkeypatch):
    monkeypatch.setattr(codes, "_FEW", 0)
    spec = FeatureSpec(windows=("1h",), horizon="1d", counters=SPEC.counters)
    state = FeatureState.empty(spec)
    frames = [
        replay_into(state, FeedbackKind.CLICK, _passers_by(day, 50)) for day in range(20)
    ]
    users = state.ids.users

    assert len(users) <= 250
    assert len(state.known.people.ring) <= 2 * 250
    assert users.code("user-19-0") != users.code("user-0-0") == -1
    state.forget()
    # The newest request is not counted yet: a day before the one before it.
    stay = ["user-18-48", "user-18-49", *(f"user-19-{number}" for number in range(50))]
    assert sorted(name for name in users.ids if name) == sorted(stay)
    everyone = np.concatenate([frame.users for frame in frames])
    assert len(set(everyone)) == len(everyone) == 1000


@SPECS
@settings(max_examples=40, deadline=None)
@given(
    tables=eventful_logs(),
    cuts=st.lists(st.integers(0, 4 * DAY), min_size=2, max_size=4),
)
def test_stretches_that_let_go_add_up_to_one_pass_that_keeps_everything(spec, tables, cuts):
    tables = _named_by_day(tables)
    cutter, keeps, deltas = Cutter(spec), FeatureState.empty(spec), []
    bounds = [-1e6, *sorted(cuts)]
    end = micros(at(bounds[-1]))
    with patch.object(Codes, "doubled", True):
        for low, high in pairwise(bounds):
            cutter.push(_between(tables, low, high))
            deltas.append(cutter.cut(micros(at(high))).count())
    keeps.push(_between(tables, bounds[0], bounds[-1]))
    keeps.advance(end)
    first, *others = deltas
    totals = reduce(Delta.combined, deltas), first.combined(reduce(Delta.combined, others))
    exact = np.array(["decay" not in name for name in keeps.names])
    for user in sorted({*tables.exposures["user_id"], *tables.feedback["user_id"]}):
        asked = Request(user, ("a", "b", "c", "new"), end + 1)
        expected = keeps.copy().features(asked)
        for total in totals:
            found = total.state.copy().features(asked)
            np.testing.assert_array_equal(found[:, exact], expected[:, exact], err_msg=user)
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=user)


def test_days_side_by_side_hold_the_people_of_a_horizon(monkeypatch):
    monkeypatch.setattr(codes, "_FEW", 0)
    spec = FeatureSpec(windows=("1h",), horizon="1d", counters=SPEC.counters)
    days = [_passers_by(day, 50) for day in range(12)]
    opened = []

    def cut(cutter: Cutter, until: int) -> Stretch:
        opened.append(cut_here(cutter, until))
        return opened[-1]

    cut_here = Cutter.cut
    monkeypatch.setattr(Cutter, "cut", cut)
    frames = replay_days_in_parallel(spec, FeedbackKind.CLICK, days, workers=2)
    for found, expected in zip(
        frames, replay_days(spec, FeedbackKind.CLICK, days), strict=True
    ):
        np.testing.assert_array_equal(found.features, expected.features)
        np.testing.assert_array_equal(found.users, expected.users)

    assert max(len(stretch.opening.ids.users) for stretch in opened) <= 300


def test_without_a_horizon_nobody_is_forgotten(monkeypatch):
    monkeypatch.setattr(codes, "_FEW", 0)
    state = FeatureState.empty(FeatureSpec(windows=("1h",)))
    for day in range(8):
        replay_into(state, FeedbackKind.CLICK, _passers_by(day, 5))
    state.forget()

    assert len([name for name in state.ids.users.ids if name]) == 40


def test_who_waits_to_be_counted_is_not_forgotten():
    spec = FeatureSpec(windows=("1h",), horizon="2h", embargo="3d")
    state = FeatureState.empty(spec)
    state.push(_passers_by(0, 3))
    state.push(_passers_by(2, 3))
    state.advance(micros(at(3 * DAY + 90)))
    state.forget()

    assert [name for name in state.ids.users.ids if name] == [
        "user-0-0", "user-0-1", "user-0-2", "user-2-0", "user-2-1", "user-2-2",
    ]  # fmt: skip


@pytest.mark.parametrize("told", [3, 40])
def test_vectors_that_were_replaced_leave_the_state(told):
    state = FeatureState.empty(FeatureSpec(similarity=1))
    for day in range(told):
        facts = [
            {"item_id": item, "valid_from": at(day * DAY), "embedding": [float(day), 1.0]}
            for item in ("a", "b")
        ]
        second = day * DAY + 60
        state.push(log([(second, "u", ["a"])], [(0, "u", "a", second, second)], facts))
        state.advance(micros(at(day * DAY + 70)))
    asked = Request("u", ("a", "b", "c"), micros(at(told * DAY)))
    found = state.features(asked)[:, state.names.index("user_item.similarity")]

    assert len(state.known.vectors.values) <= 8
    np.testing.assert_allclose(found, [1, 1, np.nan], rtol=1e-6)


def test_an_item_keeps_what_was_said_of_it():
    told = {"item_id": "a", "provider_id": "p", "category": "x", "published_at": at(-30)}
    state = replay(SPEC, FeedbackKind.CLICK, log([(0, "u", ["a"])], items=[told])).state
    state.push(_passers_by(30, 3))
    state.advance(micros(at(31 * DAY)))
    state.forget()
    asked = Request("u", ("a",), micros(at(31 * DAY)))
    found = dict(zip(state.names, state.features(asked)[0].tolist(), strict=True))

    assert state.ids.users.code("u") == -1
    assert (providers_of(state, ["a"]), categories_of(state, ["a"])) == (["p"], ["x"])
    assert found["item.age"] == 31 * DAY + 30
