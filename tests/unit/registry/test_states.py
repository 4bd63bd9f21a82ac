import re

import pytest

from sluice.errors import Refused
from sluice.registry import states
from sluice.registry.states import ALLOWED, SERVING, ensure_allowed
from sluice.store.records import State

DRAWN = set(re.findall(r"^ {4}(\w+) --> (\w+)", states.__doc__ or "", re.MULTILINE))


def test_the_drawing_shows_exactly_the_allowed_moves():
    allowed = {
        (before.value, after.value) for before, ways in ALLOWED.items() for after in ways
    }

    assert allowed == DRAWN


def test_every_state_is_in_the_table():
    assert set(ALLOWED) == set(State)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_a_move_passes_exactly_where_it_is_drawn(before, after):
    if after in ALLOWED[before]:
        ensure_allowed("version 1", before, after)
        return
    with pytest.raises(Refused, match=f"version 1 is {before} and cannot become {after}"):
        ensure_allowed("version 1", before, after)


def test_what_was_rejected_never_comes_back():
    assert ALLOWED[State.REJECTED] == frozenset()


@pytest.mark.parametrize("served", [State.RETIRED, State.ROLLED_BACK])
def test_what_has_served_may_serve_again_and_nothing_else(served):
    assert ALLOWED[served] == {State.CHAMPION, State.CHAMPION_PROVISIONAL}


def test_what_was_blocked_comes_back_to_be_judged_again_and_nowhere_else():
    assert ALLOWED[State.BLOCKED] == {State.CANDIDATE, State.PACKAGED}


def test_what_may_become_champion_is_declared():
    ways = {before for before, after in ALLOWED.items() if after & SERVING}

    assert ways == {
        State.APPROVED, State.BASELINE, State.CHAMPION_PROVISIONAL, State.RETIRED, State.ROLLED_BACK,
    }  # fmt: skip
