"""Columns that know the outcome are caught, each make of them; honest strong ones go on."""

import pytest

from benchmarks.gates_leaks import HONEST, LEAKS, passes, verdicts
from sluice.gates.leakage import LeakageGate
from sluice.store.records import Outcome
from tests.lib.gate_worlds import leaked

REQUESTS, SEED = 600, 5


@pytest.mark.parametrize("name", LEAKS)
def test_a_column_that_knows_the_outcome_is_caught(name):
    assert not passes(LEAKS[name], REQUESTS, SEED)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_column_passes_however_strong(name):
    leakage, quality = verdicts(HONEST[name], REQUESTS, SEED)

    assert leakage.outcome is Outcome.PASS, leakage.reason
    assert quality.outcome is Outcome.PASS, quality.reason


def test_there_are_at_least_eight_makes_of_leak():
    assert len(LEAKS) >= 8


@pytest.mark.parametrize(
    ("name", "auc", "strong", "outcome"),
    [
        ("item.click.1h", 0.951, (), Outcome.FAIL),
        ("item.click.1h", 0.949, (), Outcome.PASS),
        ("context_score", 0.80, (), Outcome.FAIL),
        ("context_score", 0.78, (), Outcome.PASS),
        ("context_score", 0.80, ("context_sc*",), Outcome.PASS),
        ("context_score", 0.951, ("context_sc*",), Outcome.FAIL),
        ("item.click.1h", 0.80, (), Outcome.PASS),
    ],
)
def test_context_is_held_near_the_model_and_everything_at_the_ceiling(
    name, auc, strong, outcome
):
    """The model has an AUC of .81, so 95 % of its lift are reached at .7945."""
    judgement = leaked(alone={name: auc}, model=0.81, rule=LeakageGate(strong=strong))

    assert judgement.outcome is outcome
    assert (name in judgement.reason) == (outcome is Outcome.FAIL)


def test_a_poor_model_accuses_no_column():
    """As where the click rate so far alone is better than the trees."""
    assert leaked(alone={"context_rate": 0.602}, model=0.588).outcome is Outcome.PASS
