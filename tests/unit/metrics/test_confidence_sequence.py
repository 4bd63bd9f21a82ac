"""An interval that may be looked at every day."""

import numpy as np
import pytest

from sluice.metrics.confidence_sequence import ConfidenceSequence

SEQUENCE = ConfidenceSequence(0.95, 0.01)


def test_thirty_looks_are_wrong_in_less_than_5_percent():
    rng = np.random.default_rng(1)
    looks = np.arange(1, 31) * 100
    means = rng.normal(size=(4_000, 30)).cumsum(axis=1) * 10 / looks
    errors = 1 / np.sqrt(looks)
    sequence = ConfidenceSequence(0.95, 0.1)
    widths = np.array([sequence.half_width(error) for error in errors])

    assert (np.abs(means) > widths).any(axis=1).mean() < 0.05
    assert (np.abs(means) > 1.96 * errors).any(axis=1).mean() > 0.15


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_it_is_tightest_where_it_is_tuned(confidence):
    tuned = ConfidenceSequence(confidence, 0.01)
    error = tuned.error_for(0.01)

    for other in (0.003, 0.03):
        assert ConfidenceSequence(confidence, other).half_width(error) > 0.01


def test_the_error_for_a_room_leaves_just_that_room():
    assert SEQUENCE.half_width(SEQUENCE.error_for(0.02)) == pytest.approx(0.02)
    found = SEQUENCE.error_for(0.02, 0.8)
    assert SEQUENCE.shown_with(found, 0.8) == pytest.approx(0.02)


def test_no_room_asks_for_no_error_at_all():
    assert SEQUENCE.error_for(0.0) == SEQUENCE.error_for(-1.0) == 0.0


def test_without_an_error_nothing_is_left_open():
    assert SEQUENCE.half_width(0.0) == 0.0
