"""Sixteen promoters at once, and one that comes back late: one winner, and the rest hear why not."""

import os

import pytest

from sluice.store.sql import SqlStore
from tests.lib.promoters import DecidesBeforeItLocks, NotFenced, Stale, races

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FAULTS_ROUNDS", "20"))


def wrong(found):
    return [each for each in found if each]


def test_of_sixteen_promoters_at_once_one_wins_and_the_rest_get_a_conflict(database_url):
    assert wrong(races(SqlStore, database_url, ROUNDS)) == []


def test_a_promoter_that_was_stopped_too_long_is_refused(database_url):
    assert wrong(Stale(SqlStore, database_url).rounds(ROUNDS // 2)) == []


def test_the_race_finds_a_store_that_decides_before_it_locks(database_url):
    assert wrong(races(DecidesBeforeItLocks, database_url, ROUNDS))


def test_the_late_promoter_moves_a_store_that_does_not_fence(database_url):
    assert len(wrong(Stale(NotFenced, database_url).rounds(3))) == 3
