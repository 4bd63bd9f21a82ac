from contextlib import contextmanager

import pytest

from sluice.flows.reporting import reported_to, step


class Heard:
    def __init__(self):
        self.titles = []

    @contextmanager
    def step(self, title):
        self.titles.append(title)
        yield


def test_steps_are_shown_to_whoever_listens_and_timed():
    reporter = Heard()
    with reported_to(reporter) as seconds:
        with step("outer"), step("inner"):
            pass
        with step("inner"):
            pass

    assert reporter.titles == ["outer", "inner", "inner"]
    assert list(seconds) == ["inner", "outer"]
    assert all(taken >= 0 for taken in seconds.values())


def test_nobody_hears_a_step_outside():
    reporter = Heard()
    with reported_to(reporter) as seconds:
        pass
    with step("later"):
        pass

    assert (reporter.titles, seconds) == ([], {})


def test_a_step_that_fails_fails():
    def fail():
        with step("one"):
            raise ValueError("half-way")

    with reported_to(Heard()) as seconds, pytest.raises(ValueError, match="half-way"):
        fail()

    assert seconds == {}
