"""A target is met or missed by the whole interval, and by nothing less."""

import pytest

from sluice.ecosystem.change import change
from sluice.ecosystem.figure import Figure, Interval, Method, not_given, without_interval
from sluice.ecosystem.target import Target
from sluice.ecosystem.verdict import Verdict, verdict


def figure(low, high):
    centre = (low + high) / 2
    return Figure(
        centre, Interval(low, high, centre, (high - low) / 4, Method.PERSON_RATIO)
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (figure(0.3, 0.4), Verdict.MET),
        (figure(0.1, 0.3), Verdict.OPEN),
        (figure(0.0, 0.1), Verdict.MISSED),
        (figure(0.55, 0.7), Verdict.MISSED),
        (without_interval(0.3, "short"), Verdict.OPEN),
        (not_given("no column"), Verdict.UNKNOWN),
    ],
)
def test_the_whole_interval_decides(found, said):
    assert verdict(found, Target(at_least=0.2, at_most=0.5)) is said


@pytest.mark.parametrize("bounds", [{}, {"at_least": 2.0, "at_most": 1.0}])
def test_a_target_asks_for_something_possible(bounds):
    with pytest.raises(ValueError, match=r"give at_least|nothing is at least"):
        Target(**bounds)


def test_a_change_needs_both_intervals():
    found = change(figure(0.6, 1.0), figure(0.2, 0.5), 0.95)

    assert found.difference == pytest.approx(0.45, abs=1e-12)
    assert found.high - found.low == pytest.approx(
        2 * 1.959963984540054 * (0.1**2 + 0.075**2) ** 0.5
    )
    assert change(figure(0.6, 1.0), without_interval(0.3, "short"), 0.95) is None
