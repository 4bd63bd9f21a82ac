"""The leakage gate reads the snapshot before this one again."""

import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.data.generated import generate
from sluice.data.tables import LogTables, Window
from sluice.flows.reread import reread
from sluice.flows.validate import freeze
from sluice.flows.workplace import Workplace
from sluice.gates.leakage import LeakageGate
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from tests.lib.retrainings import FEED, surface


def day(number: int) -> Window:
    return Window(FEED.start, FEED.start + timedelta(days=number))


def with_category(tables: LogTables, category: str) -> LogTables:
    return replace(tables, items=tables.items.with_columns(category=pl.lit(category)))


@pytest.fixture
def place(tmp_path):
    log = EventLog(tmp_path / "log")
    log.append(with_category(generate(FEED).tables, "before"))
    return Workplace(load_settings({}, tmp_path), surface(), MemoryStore(), log)


def rebuilt(place: Workplace) -> Workplace:
    """Another log of the same events, as a nightly export makes it."""
    log = EventLog(place.log.root.with_name("rebuilt"))
    log.append(with_category(generate(FEED).tables, "after"))
    return replace(place, log=log)


def test_a_fact_that_was_rewritten_is_named(place):
    earlier = freeze(place, day(2))
    again = rebuilt(place)
    found = reread(again, freeze(again, day(3)).digest)

    assert found is not None
    assert found.snapshot == earlier.digest
    (leak,) = found.leaks(LeakageGate())
    assert leak.startswith("item.category")


def test_a_log_that_only_grew_accuses_nothing(place):
    freeze(place, day(2))
    found = reread(place, freeze(place, day(3)).digest)

    assert found is not None
    assert found.leaks(LeakageGate()) == []
    assert set(found.columns) >= {"item.category", "context_hour"}


def test_what_no_feature_reads_may_change(place):
    freeze(place, day(2))
    found = reread(place, freeze(place, day(3)).digest)

    assert found is not None
    assert {"item.quality", "item.language", "item.embedding"}.isdisjoint(found.columns)


def test_the_first_snapshot_has_none_before_it(place):
    assert reread(place, freeze(place, day(2)).digest) is None


def test_one_that_was_cleared_away_leaves_the_one_before_it(place):
    first, second = freeze(place, day(1)), freeze(place, day(2))
    shutil.rmtree(second.folder)
    found = reread(place, freeze(place, day(3)).digest)

    assert found is not None
    assert found.snapshot == first.digest
