"""A world's log: accepted by the event log as any other, with the truth kept beside it."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.world.loop import World
from sluice.world.policy import Policy
from sluice.world.recording import record
from sluice.world.spec import WorldSpec


@pytest.fixture(scope="module")
def recorded():
    # Advertisers' first bids are below the reserve in no world of this size.
    return record(World(WorldSpec(people=80, providers=30), Policy(), 2), 2)


def test_the_event_log_takes_every_row(recorded, tmp_path):
    log = EventLog(tmp_path / "log")
    taken = log.append(recorded.tables, at=datetime(2027, 1, 1, tzinfo=UTC))

    assert taken.exposures == len(recorded.tables.exposures) > 0
    assert not taken.quarantined
    assert set(log.surfaces()) == {"for_you", "follow"}


def test_slots_count_from_the_top_with_ads_among_them(recorded):
    shown = recorded.tables.exposures
    slots = shown.group_by("request_id").agg(pl.col("position").sort(), pl.len())
    assert all(
        positions.to_list() == list(range(1, size + 1))
        for positions, size in zip(slots["position"], slots["len"], strict=True)
    )
    kinds = recorded.truth["slot_kind"].value_counts()
    assert set(kinds["slot_kind"]) == {"organic", "ad"}
    assert set(slots["len"].unique()) <= {12, 13, 14}


def test_the_truth_is_beside_the_log_and_not_in_it(recorded):
    assert len(recorded.truth) == len(recorded.tables.exposures)
    chance = recorded.truth.filter(pl.col("slot_kind") == "organic")["chance"]
    assert chance.is_between(0, 1).all()
    assert "chance" not in recorded.tables.exposures.columns


def test_every_item_shown_is_in_the_catalogue(recorded):
    assert (
        recorded.tables.exposures["item_id"]
        .is_in(recorded.tables.items["item_id"].to_list())
        .all()
    )


def test_the_same_seed_writes_the_same_rows(recorded):
    again = record(World(WorldSpec(people=80, providers=30), replace(Policy()), 2), 2)

    assert again.tables.exposures.equals(recorded.tables.exposures)
    assert again.tables.feedback.equals(recorded.tables.feedback)
    assert again.truth.equals(recorded.truth)
