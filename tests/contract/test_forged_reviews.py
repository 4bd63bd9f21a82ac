"""A person's decision that SQL wrote into the ledger promotes nothing, on any database."""

import pytest

from tests.lib.forged_reviews import (
    FORGERIES,
    MUTANTS,
    believed,
    failed_gate_served,
    unsigned,
)
from tests.lib.machine_mutants import mutated


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__)
def test_a_forged_approval_is_refused_and_named(database_url, tmp_path, forge):
    assert not believed(forge, database_url, tmp_path)


def test_a_failed_gate_that_sql_made_a_pass_does_not_serve(database_url, tmp_path):
    assert not failed_gate_served(database_url, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_signatures_or_evidence_are_not_read(
    database_url, tmp_path, mutant
):
    outcome = mutant is MUTANTS[2]

    with mutated(mutant):
        if outcome:
            assert failed_gate_served(database_url, tmp_path)
        else:
            assert believed(unsigned, database_url, tmp_path)
