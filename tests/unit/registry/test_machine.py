"""The promotion machine under any order of requests, good and bad, with deaths and a clock that jumps.

`FAULTS_EXAMPLES` and `FAULTS_STEPS` set the size; `make faults` runs 2,000 examples of 50 steps.
"""

import os

import pytest

from tests.lib.machine_mutants import MUTANTS, mutated
from tests.lib.promotion_machine import Promotions, SqlPromotions, broken, sized

EXAMPLES = int(os.environ.get("FAULTS_EXAMPLES", "100"))
STEPS = int(os.environ.get("FAULTS_STEPS", "30"))
ENOUGH = 2000
"""Examples of which one shows each mutant: most within a hundred, and the search ends with it."""

Promotions.TestCase.settings = sized(EXAMPLES, STEPS)
SqlPromotions.TestCase.settings = sized(EXAMPLES // 20, STEPS)
TestPromotions = Promotions.TestCase
TestSqlPromotions = SqlPromotions.TestCase


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_the_machine_finds_a_registry_without_the_guarantee(mutant):
    with mutated(mutant):
        assert broken(Promotions, ENOUGH, STEPS)
