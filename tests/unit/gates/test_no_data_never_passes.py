"""G6: no data is never a pass. What was not measured is inconclusive, and holds the version."""

import pytest

from sluice.metrics import evaluate
from sluice.store.records import Outcome
from tests.lib.gate_worlds import fresh, scores, world
from tests.lib.machine_mutants import mutated
from tests.lib.no_data import MUTANTS, NO_DATA, let_on_by


@pytest.mark.parametrize("name", NO_DATA)
def test_it_is_inconclusive_and_holds(name):
    assert not let_on_by(name)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_inconclusive_lets_a_version_on(mutant):
    with mutated(mutant):
        assert all(let_on_by(name) for name in NO_DATA)


def test_what_is_too_old_fails_outright():
    assert fresh(2, 72).outcome is Outcome.FAIL


def test_no_label_in_any_request_gives_no_figure_to_compare():
    frame = world().take(0, 50)
    unlabelled = type(frame)(**{**vars(frame), "labels": frame.labels * 0})

    assert evaluate(scores(1)[: frame.rows], unlabelled).dropped == frame.requests
