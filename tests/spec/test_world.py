"""The published reversal in a few seeds, its absence in the control, and that no request shows it.

The full rows, with more seeds and the floors, are `python -m benchmarks.ecosystem`.
"""

import pytest

from benchmarks.ecosystem_rows import REMOVED, of, over, reversals
from sluice.world.named import named


@pytest.fixture(scope="module")
def tiring():
    return over(named("tiring").spec, REMOVED, 14, 3, map)


def test_removing_spacing_gains_a_day_and_costs_a_week(tiring):
    assert reversals(of(tiring, "clicks", 0, 1), of(tiring, "clicks", 7, 14)) == 3


def test_no_request_shows_who_stays_away(tiring):
    assert of(tiring, "active", 7, 14).mean < -0.025
    assert abs(of(tiring, "clicks_per_visit", 7, 14).mean) < 0.025


def test_the_control_gains_for_good():
    control = over(named("tireless").spec, REMOVED, 14, 2, map)

    assert reversals(of(control, "clicks", 0, 1), of(control, "clicks", 7, 14)) == 0
    assert of(control, "clicks", 7, 14).downs == 0
