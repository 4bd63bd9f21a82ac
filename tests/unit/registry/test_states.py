import re

import pytest

from registry import states
from registry.states import ALLOWED, ensure_allowed
from sluice.errors import Refused
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


@pytest.mark.parametrize("end", [State.REJECTED, State.ROLLED_BACK])
def test_what_was_rejected_or_rolled_back_never_comes_back(end):
    assert ALLOWED[end] == frozenset()


def test_what_was_blocked_comes_back_to_be_judged_again_and_nowhere_else():
    assert ALLOWED[State.BLOCKED] == {State.CANDIDATE, State.PACKAGED}


def test_only_an_approved_version_becomes_provisional_champion():
    ways = [
        before for before, after in ALLOWED.items() if State.CHAMPION_PROVISIONAL in after
    ]

    assert ways == [State.APPROVED]
