"""The drills of gates and of people's rules hold, and turn red without what holds them."""

import pytest

from tests.lib.loosened import DRILLS
from tests.lib.machine_mutants import mutated

QUICK = [drill for drill in DRILLS if drill[0] != "G6"]
"""The gates' own are in `tests/unit/gates`, and with their mutants in `make faults`."""


@pytest.mark.parametrize("drill", QUICK, ids=lambda drill: drill[2].__name__)
def test_a_drill_is_survived_and_its_mutants_are_red(drill):
    _, _, wrong, mutants = drill

    assert not any(wrong())
    for mutant in mutants:
        with mutated(mutant):
            assert any(wrong()), mutant.__name__
