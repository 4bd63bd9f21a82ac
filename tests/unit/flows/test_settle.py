"""What a watched window does to a champion that is still provisional, and when one is watched."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from sluice.flows.lifecycle import baked_champion
from sluice.flows.monitor import settle
from sluice.gates.spec import TIERS
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


@pytest.mark.parametrize(
    ("outcome", "after", "state"),
    [
        (Outcome.PASS, HOUR, State.CHAMPION),
        (Outcome.PASS, HOUR / 2, State.CHAMPION_PROVISIONAL),
        (Outcome.FAIL, HOUR, State.CHAMPION_PROVISIONAL),
        (Outcome.INCONCLUSIVE, HOUR, State.CHAMPION_PROVISIONAL),
    ],
)
def test_a_monitor_confirms_what_has_baked_over_a_good_window_and_nothing_else(
    outcome, after, state, tmp_path
):
    store = MemoryStore()
    baking = bring(store, State.CHAMPION_PROVISIONAL)
    workplace = room(store, tmp_path)
    watched = SimpleNamespace(end=PROMOTED)
    arranged = SimpleNamespace(version=baking, watched=watched)

    assert settle(workplace, arranged, outcome, PROMOTED + after) == state
    confirmed = store.find(LedgerRow, action="confirm", version=1)
    assert len(confirmed) == (state is State.CHAMPION)


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
