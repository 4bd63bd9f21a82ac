"""No deployment that somebody rewrote runs, no flow says who acts, and Evidently asks for its key.

What a stranger may try at Prefect is put to a real one beside the other platforms' tests.
"""

import pytest

from tests.lib import deployments, evidently_door
from tests.lib.machine_mutants import mutated


def test_a_rewritten_deployment_does_not_run():
    assert not any(deployments.would_run())
    with mutated(deployments.rows_are_believed):
        assert any(deployments.would_run())


def test_no_flow_and_no_deployment_says_who_acts_or_where():
    assert len(dict(deployments.all_flows())) >= 12
    assert not any(deployments.open_parameters())


@pytest.mark.parametrize(
    "mutant", deployments.PARAMETER_MUTANTS, ids=lambda each: each.__name__
)
def test_a_flow_that_says_who_acts_is_seen(mutant):
    with mutated(mutant):
        assert any(deployments.open_parameters())


def test_a_stranger_gets_nothing_from_evidently():
    assert not any(evidently_door.entered())


@pytest.mark.parametrize("mutant", evidently_door.MUTANTS, ids=lambda each: each.__name__)
def test_each_lock_of_evidently_is_needed(mutant):
    with mutated(mutant):
        assert any(evidently_door.entered())
