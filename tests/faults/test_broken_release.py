"""G8: a broken release, correctly signed, costs a server neither its life nor an answer."""

import pytest

from tests.lib.broken_releases import BREAKS, Yard, contained, no_child, seeds
from tests.lib.machine_mutants import mutated

pytestmark = [pytest.mark.faults]
SOME = 6


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    return Yard.make(tmp_path_factory.mktemp("yard"))


def test_a_server_told_to_take_it_lives_and_answers_as_before(yard):
    found = contained(yard, list(seeds(len(BREAKS))))

    assert len(found) == len(BREAKS)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_it_is_red_where_no_child_tries_the_release_first(yard):
    with mutated(no_child):
        assert any(contained(yard, list(seeds(SOME))).values())
