"""A promotion looks at every byte of what it promotes, and of its Bento, before it moves anything."""

import pytest

from sluice.errors import IntegrityError
from sluice.flows import promote
from sluice.registry.promotion import champion_of
from tests.lib.damaged_promotions import (
    DAMAGES,
    MUTANTS,
    SURFACE,
    a_bit,
    approved,
    promoted_after,
)
from tests.lib.machine_mutants import mutated


def whole(_):
    """No damage: what is held must be held for the damage's sake."""


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_a_release_that_changed_after_its_approval_is_not_promoted(tmp_path, damage):
    assert promoted_after(whole, tmp_path / "whole")
    assert not promoted_after(damage, tmp_path / "damaged")


def test_it_is_red_where_no_byte_is_looked_at(tmp_path):
    with mutated(MUTANTS[0]):
        assert promoted_after(a_bit, tmp_path)


def test_the_serving_room_is_asked_and_names_the_file(tmp_path):
    site = approved(tmp_path)
    state = site.folder / "state" / "state.json"
    whole = state.read_bytes()
    a_bit(site)

    with pytest.raises(
        IntegrityError, match=r"version 1 of for_you cannot serve.*state\.json"
    ):
        promote.move(site.workplace, 1)
    assert champion_of(site.workplace.store, SURFACE) is None

    state.write_bytes(whole)
    assert promote.move(site.workplace, 1).epoch == 1
    a_bit(site)
    assert (
        promote.move(site.workplace, 1).epoch == 1
    )  # made, so there is nothing left to hold
