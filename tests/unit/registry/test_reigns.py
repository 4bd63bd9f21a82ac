"""Who was champion when, from the ledger alone."""

from datetime import timedelta

import pytest

from sluice.errors import NotFound
from sluice.registry import promotion
from sluice.registry.reigns import reign_at, reigns
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib.promotions import approve, bring, panel
from tests.lib.stores import T0

HOURS = {hour: T0 + timedelta(hours=hour) for hour in (2, 3, 4, 6)}


@pytest.fixture
def store():
    """Version 1 promoted at 2, confirmed at 3, version 2 promoted at 4 and rolled back at 6."""
    store = MemoryStore()
    for hour, run in ((2, "run-1"), (4, "run-2")):
        version = bring(store, State.IN_REVIEW, run)
        approve(store, version)
        serving = promotion.champion_of(store, "feed")
        promotion.promote(
            store, version, mandatory=("data", "leakage", "quality", "replay"),
            judged_against=serving.release if serving else None, actor="flow",
            at=HOURS[hour], idempotency_key=run, panel=panel(),
        )  # fmt: skip
        if hour == 2:
            promotion.confirm(
                store, version, actor="flow", reason="bake ended", at=HOURS[3]
            )
    promotion.rollback(store, "feed", actor="oncall", reason="clicks fell", at=HOURS[6])
    return store


@pytest.mark.parametrize(
    ("hours", "version", "action", "actor", "before"),
    [
        (2, 1, "promote", "flow", None),
        (3.9, 1, "promote", "flow", None),
        (4, 2, "promote", "flow", 1),
        (5.9, 2, "promote", "flow", 1),
        (6, 1, "rollback", "oncall", 2),
        (900, 1, "rollback", "oncall", 2),
    ],
)
def test_the_champion_at_a_moment_is_whom_the_last_move_before_it_made(
    store, hours, version, action, actor, before
):
    found = reign_at(store, "feed", T0 + timedelta(hours=hours))

    assert (found.version, found.action, found.actor, found.before) == (
        version, action, actor, before,
    )  # fmt: skip
    assert found.release == f"{version:064x}"


def test_reigns_follow_one_another_without_a_gap(store):
    first, second, third = reigns(store, "feed")

    assert (first.until, second.until, third.until) == (second.since, third.since, None)
    assert [each.epoch for each in (first, second, third)] == [1, 2, 3]
    assert first.evidence


def test_before_the_first_champion_there_is_none(store):
    with pytest.raises(NotFound, match=r"had no champion at .*; the first began"):
        reign_at(store, "feed", T0)
    with pytest.raises(NotFound, match="nor ever"):
        reign_at(store, "another", T0)
