"""G5: whatever piece of evidence is removed or altered, an approved version does not serve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Held
from sluice.registry import promotion
from sluice.store.memory import MemoryStore
from tests.lib.machine_mutants import mutated
from tests.lib.missing_evidence import (
    GATES,
    ITEMS,
    MUTANTS,
    UNTIL,
    approved,
    promote,
    served_without,
)
from tests.lib.promotions import panel


@pytest.mark.parametrize("name", ITEMS)
def test_every_single_removal_or_change_blocks_the_promotion(name):
    assert not served_without([name])


@given(st.sets(st.sampled_from(sorted(ITEMS)), min_size=1, max_size=6))
def test_no_combination_of_them_makes_up_for_another(names):
    assert not served_without(names)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_the_evidence_is_not_read(mutant):
    with mutated(mutant):
        assert any(served_without([name]) for name in ITEMS)


def test_with_all_of_it_the_version_serves():
    store = MemoryStore()

    assert promote(store, approved(store)).epoch == 1


def test_a_waiver_that_has_ended_is_none():
    store = MemoryStore()
    version = approved(store)

    with pytest.raises(Held, match="its waiver by rita ended"):
        promotion.promote(
            store, version, mandatory=GATES, panel=panel(2), judged_against=None,
            idempotency_key="late", actor="flow", at=UNTIL,
        )  # fmt: skip
