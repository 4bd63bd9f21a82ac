"""What a watched window does to a champion that is still provisional, and when one is watched."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from sluice.flows.confirmation import DriftSign
from sluice.flows.lifecycle import baked_champion
from sluice.flows.monitor import settle
from sluice.gates.spec import TIERS
from sluice.registry.moves import position_of
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow, Outcome, State
from tests.lib.promotions import BY_FLOW, bring

HOUR = timedelta(hours=1)
PROMOTED = BY_FLOW["at"]


def room(store, home):
    surface = SimpleNamespace(at_least=TIERS["standard"])
    return SimpleNamespace(
        store=store,
        name="feed",
        actor="flow",
        surface=surface,
        settings=load_settings({}, home),
    )


GOOD = DriftSign(Outcome.PASS, "as 28 ordinary windows were")
LEARNING = DriftSign(
    Outcome.INCONCLUSIVE, "learning the usual, 6 windows to go", 6, by_limits=Outcome.PASS
)
BEYOND_LIMITS = replace(LEARNING, by_limits=Outcome.FAIL)


@pytest.mark.parametrize(
    ("sign", "after", "state"),
    [
        (GOOD, HOUR, State.CHAMPION),
        (LEARNING, HOUR, State.CHAMPION),
        (BEYOND_LIMITS, HOUR, State.CHAMPION_PROVISIONAL),
        (GOOD, HOUR / 2, State.CHAMPION_PROVISIONAL),
        (LEARNING, HOUR / 2, State.CHAMPION_PROVISIONAL),
        (DriftSign(Outcome.FAIL, "score"), HOUR, State.CHAMPION_PROVISIONAL),
        (DriftSign(Outcome.INCONCLUSIVE, "5 rows"), HOUR, State.CHAMPION_PROVISIONAL),
    ],
)
def test_a_monitor_confirms_what_has_baked_and_nothing_speaks_against(
    sign, after, state, tmp_path
):
    store = MemoryStore()
    baking = bring(store, State.CHAMPION_PROVISIONAL)
    workplace = room(store, tmp_path)
    confirmation = settle(workplace, baking, sign, PROMOTED + after)

    assert position_of(store, baking).state is state
    confirmed = store.find(LedgerRow, action="confirm", version=1)
    assert [row.reason for row in confirmed] == (
        [confirmation.reason] if state is State.CHAMPION else []
    )


def test_the_ledger_says_that_drift_was_being_learned(tmp_path):
    store = MemoryStore()
    baking = bring(store, State.CHAMPION_PROVISIONAL)
    settle(room(store, tmp_path), baking, LEARNING, PROMOTED + HOUR)

    (row,) = store.find(LedgerRow, action="confirm", version=1)
    assert row.reason == (
        "parity: not measured since the promotion; drift: learning the usual, 6 windows to go"
    )


@pytest.mark.parametrize(
    ("state", "after", "waits"),
    [
        (State.CHAMPION_PROVISIONAL, HOUR, True),
        (State.CHAMPION_PROVISIONAL, HOUR * 24, True),
        (State.CHAMPION_PROVISIONAL, HOUR / 2, False),
        (State.CHAMPION, HOUR, False),
        (State.APPROVED, HOUR, False),
    ],
)
def test_before_another_follows_only_a_baked_unconfirmed_champion_is_watched(
    state, after, waits, tmp_path
):
    store = MemoryStore()
    version = bring(store, state)

    found = baked_champion(room(store, tmp_path), PROMOTED + after)
    assert found == (version if waits else None)
