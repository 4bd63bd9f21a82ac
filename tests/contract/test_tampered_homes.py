"""Whatever is done to a home behind Sluice's back, `audit verify` names it, or says that it cannot."""

import pytest

from sluice.cli.audit_seen import look
from tests.lib.machine_mutants import mutated
from tests.lib.tampered_homes import ALL, KINDS, MUTANTS, Home, make, unseen_after


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a home") / "home"
    make(folder)
    return folder


def test_an_untouched_home_has_no_problem_and_says_what_was_looked_at(pristine):
    seen = look(Home(pristine).settings)

    assert seen.problems == []
    assert seen.covers["exported heads"] == 4
    assert seen.covers["records that rows vouch for"] > 30
    assert seen.covers["releases, byte by byte, with their Bentos' code"] == 3
    assert (seen.covers["signatures"], seen.covers["trusted keys"]) == (2, 1)
    assert set(seen.uncovered.values()) == {
        0,
        1,
    }  # version 4's release is not promoted, so not signed


def test_all_29_kinds_that_were_tried_are_here():
    assert len(KINDS) == 29


@pytest.mark.parametrize("name", ALL)
def test_what_was_done_is_named(pristine, tmp_path, name):
    assert not unseen_after(name, pristine, tmp_path / "home")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_a_look_is_left_out(pristine, tmp_path, mutant):
    with mutated(mutant):
        assert unseen_after(MUTANTS[mutant], pristine, tmp_path / "home")
