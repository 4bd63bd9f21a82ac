"""Items of which nothing was heard for longer than `item_horizon` are as items never told of."""

import numpy as np
import pytest
from pydantic import ValidationError

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.readings import categories_of
from sluice.features.state.replay import replay_into
from sluice.features.strings import codes
from sluice.features.strings.codes import Codes
from tests.lib.random_logs import at, log, micros

HOUR = 3600
SPEC = FeatureSpec(
    windows=("1h",), horizon="6h", item_horizon="7h", transitions=3, similarity=1,
    counters=({"key": "provider", "event": "exposure", "windows": ("all",)},),
)  # fmt: skip
TOLD = {
    "provider_id": "p",
    "category": "x",
    "published_at": at(-60),
    "embedding": [1.0, 0.0],
}


@pytest.fixture(autouse=True)
def _lets_go_whenever_it_can(monkeypatch):
    monkeypatch.setattr(Codes, "doubled", property(lambda _: True))


def _log(shown: dict[float, tuple[str, str]], clicked=(), told=()) -> LogTables:
    """Who was shown or clicked what, by the hour; what is told of items from an hour on."""
    return log(
        [(hour * HOUR, user, [item]) for hour, (user, item) in sorted(shown.items())],
        [(None, user, item, hour * HOUR, hour * HOUR) for hour, user, item in clicked],
        [TOLD | {"item_id": item, "valid_from": at(hour * HOUR)} for item, hour in told],
    )


def _pushed(*logs: LogTables, spec: FeatureSpec = SPEC) -> FeatureState:
    state = FeatureState.empty(spec)
    for each in logs:
        state.push(each)
        known = [*each.exposures["ts"], *each.feedback["received_ts"]]
        state.advance(micros(max(known)) + 1)
    return state


def _asked(state: FeatureState, user: str, item: str, hour: float) -> dict[str, float]:
    request = Request(user, (item,), micros(at(hour * HOUR)))
    values = state.copy().features(request)[0].tolist()
    return dict(zip(state.names, values, strict=True))


@pytest.mark.parametrize(
    ("hour", "age"), [(6.9, 6.9 * HOUR + 60), (7.0, 7 * HOUR + 60), (7.1, np.nan)]
)
def test_what_was_said_is_known_until_the_horizon_of_items(hour, age):
    state = _pushed(_log({0: ("u", "a")}, told=[("a", -1)]))

    np.testing.assert_allclose(_asked(state, "u", "a", hour)["item.age"], age)


def test_the_vector_of_a_forgotten_item_is_near_nothing():
    told = [("a", -1), ("b", 7)]
    state = _pushed(_log({0: ("u", "a"), 7: ("u", "b")}, [(7.1, "u", "b")], told))

    assert _asked(state, "u", "b", 7.2)["user_item.similarity"] == 1
    assert np.isnan(_asked(state, "u", "a", 7.2)["user_item.similarity"])


def test_an_item_that_comes_back_begins_anew():
    state = _pushed(_log({0: ("u", "a")}, told=[("a", -1)]), _log({9: ("u", "a")}))

    assert _asked(state, "u", "a", 9.5)["item.age"] == HOUR / 2
    assert categories_of(state, ["a"]) == [None]


def test_an_item_that_is_told_of_again_is_known_again():
    again = _log({8: ("u", "b")}, told=[("a", 7.9)])
    state = _pushed(_log({0: ("u", "a")}, told=[("a", -1)]), again)

    assert _asked(state, "u", "a", 9)["item.age"] == 9 * HOUR + 60
    assert categories_of(state, ["a"]) == ["x"]


def test_events_far_apart_count_for_what_each_of_them_met():
    shown = {0: ("u", "a"), 10: ("u", "a"), 10.5: ("u", "b")}
    at_once = _pushed(_log(shown, told=[("a", -1), ("b", 9)]))
    one_by_one = _pushed(
        *(_log({hour: pair}, told=[("a", -1), ("b", 9)] if not hour else ()) for hour, pair in shown.items())
    )  # fmt: skip

    for state in (at_once, one_by_one):
        # That of a at 10 is of nobody any more, and the one at 0 idle.
        assert _asked(state, "u", "b", 10.6)["provider.exposure.all"] == 1


def test_a_provider_keeps_what_was_shown_before_the_item_was_forgotten():
    shown = {0: ("u", "a"), 5: ("u", "b"), 10: ("u", "a")}
    state = _pushed(_log(shown, told=[("a", -1), ("b", -1)]))

    assert _asked(state, "u", "b", 10.1)["provider.exposure.all"] == 2


def test_an_item_whose_event_waits_keeps_its_code():
    state = FeatureState.empty(SPEC)
    state.push(_log({0: ("u", "a"), 20: ("u", "b"), 30: ("u", "a")}))
    state.advance(micros(at(21 * HOUR)))
    state.forget()
    state.push(_log({32: ("u", "new")}))

    assert _asked(state, "u", "a", 31)["item.exposure.1h"] == 1


def test_one_who_gets_the_code_of_a_forgotten_item_gets_nothing_else_of_it():
    first = _log({0: ("u", "a")}, told=[("a", -1)])
    clicks = [(13.05, "u", "b"), (13.1, "u", "new")]
    state = _pushed(
        first, _log({13: ("u", "b")}, told=[("b", 12)]), _log({13.1: ("u", "new")}, clicks)
    )
    asked = _asked(state, "u", "new", 13.2)

    assert state.ids.items.code("a") == -1
    assert state.ids.items.code("new") == 0
    assert categories_of(state, ["new"]) == [None]
    assert np.isnan(asked["user_item.similarity"])
    assert asked["item.exposure.all"] == asked["user_item.click"] == 1


def test_clicks_that_followed_one_on_a_forgotten_item_are_not_those_of_another():
    clicks = [
        (0, "u", "a"),
        (5.9, "u", "b"),
        *((6 + nth / 10, "u", f"c{nth}") for nth in range(8)),
    ]
    late = _log({7.5: ("w", "b")}, [(7.4, "v", "new")])
    state = _pushed(_log({0: ("u", "a")}, clicks), _log({7.3: ("v", "b")}), late)

    assert _asked(state, "v", "b", 7.6)["transition.last"] == 0


def test_an_item_that_somebody_clicked_a_while_ago_keeps_its_code():
    clicks = [(0, "u", "a"), (5, "u", "b"), (10, "u", "c"), (12.4, "w", "d")]
    more = [(12.6, "v", "new"), (12.7, "v", "d")]
    state = _pushed(_log({0: ("u", "a")}, clicks), _log({12.7: ("v", "d")}, more))

    assert _asked(state, "u", "d", 12.8)["transition.mean"] == 0


def test_a_state_holds_the_items_of_a_horizon(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(codes, "_FEW", 0)
    spec = FeatureSpec(windows=("1h",), horizon="1d", item_horizon="2d", similarity=1)
    state = FeatureState.empty(spec)
    for day in range(30):
        items = [f"{day}-{number}" for number in range(20)]
        shown = {24 * day + number / 2: ("u", item) for number, item in enumerate(items)}
        day_log = _log(shown, told=[(item, 24 * day) for item in items])
        replay_into(state, FeedbackKind.CLICK, day_log)

    assert len(state.ids.items) <= 20 * 8
    assert len(state.known.vectors.values) <= 20 * 16
    state.forget()
    assert sum(name is not None for name in state.ids.items.ids) <= 20 * 3


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"item_horizon": "7d"}, "declare a horizon"),
        ({"item_horizon": "6d", "horizon": "7d"}, "'6d' is shorter than horizon '7d'"),
    ],
)
def test_an_item_is_remembered_no_shorter_than_its_counts(declared, said):
    with pytest.raises(ValidationError, match=said):
        FeatureSpec(windows=("1h",), **declared)
