"""Deltas of stretches of a log add up to the state of one pass, in any grouping."""

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.declaration.spec import CounterSpec, FeatureSpec
from sluice.features.engine.kernel import place_windows
from sluice.features.state.delta import Cutter, Delta
from sluice.features.state.feature_state import FeatureState, Request
from tests.lib.random_logs import ITEM_IDS, START, USER_IDS, eventful_logs, log, micros

SPEC = FeatureSpec(
    windows=("1h", "1d"),
    half_lives=("1h", "1d"),
    affinity=("provider", "category"),
    transitions=3,
    similarity=2,
    embargo="1m",
    counters=(
        CounterSpec(
            key="previous_item", event="click", windows=("1d",), half_lives=("1d",)
        ),
        CounterSpec(key="user_category", event="exposure", windows=("1d",), since=True),
        CounterSpec(
            key="provider", event="like", windows=("1h", "all"), half_lives=("1d",)
        ),
    ),
)
FORGETFUL = SPEC.model_copy(update={"horizon": "1d"})
SPECS = pytest.mark.parametrize("spec", [SPEC, FORGETFUL], ids=["endless", "horizon"])
DAY = 86_400_000_000
MIDNIGHTS = [micros(START) + number * DAY for number in range(1, 5)]
LAST = MIDNIGHTS[-1] + DAY


def _deltas(spec: FeatureSpec, tables: LogTables, cuts: list[int]) -> list[Delta]:
    cutter = Cutter(spec)
    cutter.push(tables)
    return [cutter.cut(cut).count() for cut in cuts]


def _one_pass(spec: FeatureSpec, tables: LogTables, until: int) -> FeatureState:
    state = FeatureState.empty(spec)
    state.push(tables)
    state.advance(until)
    return state


def _saved(state: FeatureState, folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir()
    state.save(folder)
    with np.load(folder / "state.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _asked(state: FeatureState, user: str) -> np.ndarray:
    return state.copy().features(Request(user, ITEM_IDS, LAST))


@SPECS
@settings(max_examples=25, deadline=None)
@given(tables=eventful_logs())
def test_deltas_of_days_are_one_pass_bit_for_bit(spec, tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    expected = _one_pass(spec, tables, MIDNIGHTS[-1])
    total = reduce(Delta.combined, _deltas(spec, tables, MIDNIGHTS)).state

    for user in USER_IDS:
        np.testing.assert_array_equal(_asked(total, user), _asked(expected, user))
    found, wanted = _saved(total, folder / "total"), _saved(expected, folder / "one")
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@SPECS
@settings(max_examples=25, deadline=None)
@given(
    tables=eventful_logs(),
    cuts=st.lists(st.integers(-7200, 4 * 86_400), min_size=3, max_size=3),
)
def test_deltas_cut_anywhere_combine_associatively(spec, tables, cuts):
    cuts = [micros(START) + seconds * 1_000_000 for seconds in sorted(cuts)]
    left = reduce(Delta.combined, _deltas(spec, tables, cuts)).state
    first, second, third = _deltas(spec, tables, cuts)
    right = first.combined(second.combined(third)).state
    expected = _one_pass(spec, tables, cuts[-1])
    decayed = np.array(["decay" in name for name in left.names])

    for user in USER_IDS:
        asked = [_asked(state, user) for state in (left, right, expected)]
        for found in asked[:2]:
            np.testing.assert_array_equal(found[:, ~decayed], asked[2][:, ~decayed])
            np.testing.assert_allclose(found[:, decayed], asked[2][:, decayed], rtol=1e-6)


def test_an_event_counts_once_wherever_the_cut_lies():
    tables = log([(0, "u", ["a"]), (60, "u", ["a"])], [(0, "u", "a", 1, 1)])
    spec = FeatureSpec(windows=("1h",))
    for seconds in range(-1, 63):
        cuts = [micros(START) + seconds * 1_000_000, micros(START) + 120_000_000]
        total = reduce(Delta.combined, _deltas(spec, tables, cuts)).state
        asked = total.features(Request("u", ("a",), cuts[-1]))[0]
        told = dict(zip(total.names, asked.tolist(), strict=True))

        assert (told["item.exposure.1h"], told["item.click.1h"]) == (2, 1), seconds
        assert (told["user_item.exposure"], told["user_item.click"]) == (2, 1), seconds


@pytest.mark.parametrize("moved", [0, 1])
def test_windows_of_a_delta_may_stand_anywhere(moved):
    requests = [(3600 * hour, "u", ["a"]) for hour in range(6)]
    spec, hour = FeatureSpec(windows=("2h",)), 3_600_000_000
    cuts = [MIDNIGHTS[0] - DAY + each * hour + 1 for each in (2, 5)]
    deltas = _deltas(spec, log(requests), cuts)
    state = deltas[moved].state
    place_windows(state.known, state.plan.program, cuts[moved] + hour)
    total = deltas[0].combined(deltas[1]).state
    asked = total.features(Request("u", ("a",), cuts[1]))[0]

    assert asked[total.names.index("item.exposure.2h")] == 2


def test_deltas_that_do_not_meet_are_refused():
    first, second, third = _deltas(SPEC, log([(0, "u", ["a"])]), MIDNIGHTS[:3])

    with pytest.raises(DataError, match="without a gap"):
        first.combined(third)
    with pytest.raises(DataError, match="in the order of the log"):
        second.combined(first)


def test_a_log_is_cut_in_time_order():
    cutter = Cutter(SPEC)
    cutter.cut(MIDNIGHTS[1])

    with pytest.raises(DataError, match="in time order"):
        cutter.cut(MIDNIGHTS[0])
    with pytest.raises(DataError, match="before the last cut"):
        cutter.push(log([(0, "u", ["a"])]))
