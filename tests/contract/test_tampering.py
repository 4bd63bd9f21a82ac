"""Whatever is done to the ledger with raw SQL, `audit` finds it by the heads that were exported."""

import pytest

from tests.lib.machine_mutants import mutated
from tests.lib.tamperings import (
    BACKUPS,
    CONSISTENT,
    MUTANTS,
    PLAIN,
    unseen_after,
    unseen_backup,
)


@pytest.mark.parametrize("name", PLAIN)
def test_tampering_with_raw_sql_is_found(database_url, tmp_path, name):
    assert not unseen_after(name, database_url, tmp_path)


@pytest.mark.parametrize("name", CONSISTENT)
def test_a_consistent_forgery_is_found_by_the_exported_heads_alone(
    database_url, tmp_path, name
):
    assert not unseen_after(name, database_url, tmp_path)


@pytest.mark.parametrize("name", BACKUPS)
def test_an_old_backup_is_found_by_the_exported_heads_alone(
    database_url, tmp_path, postgres, name
):
    assert not unseen_backup(name, database_url, tmp_path, postgres)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_hashes_or_heads_are_not_read(database_url, tmp_path, mutant):
    name = "an actor edited" if mutant is MUTANTS[0] else "rewritten whole"

    with mutated(mutant):
        assert unseen_after(name, database_url, tmp_path)
