"""G7: the bytes that serve are the bytes that were approved; anything else is refused unparsed."""

import pytest

from sluice.registry import promotion
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import DeliveryError, relay
from sluice.serving.release import open_release
from sluice.serving.trust import Trust
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib import promotions
from tests.lib.damaged_releases import (
    DAMAGES,
    MUTANTS,
    replace_by_another_release,
    replace_by_one_that_agrees_with_itself,
    served_after,
)
from tests.lib.machine_mutants import mutated
from tests.lib.promotions import bring
from tests.lib.releases import small_release
from tests.lib.stores import T0


@pytest.fixture
def approved(tmp_path, monkeypatch):
    """A folder of releases; the first is approved, and nothing points to it yet."""
    made = [small_release(tmp_path / "releases", number) for number in (1, 2)]
    monkeypatch.setattr(promotions, "release_of", lambda version: made[version.number - 1])
    return tmp_path, made


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_whatever_changed_after_the_approval_is_refused_before_it_is_parsed(
    approved, tmp_path, damage
):
    assert not served_after(damage, tmp_path / "releases", tmp_path / "copy")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_no_digest_is_checked(approved, tmp_path, mutant):
    with mutated(mutant):
        wrong = [
            served_after(damage, tmp_path / "releases", tmp_path / damage.__name__)
            for damage in DAMAGES
        ]

    assert any(wrong)


@pytest.mark.parametrize(
    "damage",
    [replace_by_another_release, replace_by_one_that_agrees_with_itself],
    ids=lambda each: each.__name__,
)
def test_a_release_that_was_replaced_after_its_approval_is_neither_signed_nor_pointed_to(
    approved, damage
):
    room, (release, _) = approved
    store = MemoryStore()
    promotions.promote(store, bring(store, State.APPROVED))
    damage(room / "releases" / release)
    signer = Signer(
        store, room / "releases", room / "signatures", KeyRing(room / "keys"), T0
    )

    with pytest.raises(DeliveryError, match="is not the manifest of release"):
        relay(store, [SignedPointer(signer, PointerReceiver(room / "serving"))])
    assert read_pointer(room / "serving", "feed") is None
    assert promotion.champion_of(store, "feed").release == release


def test_the_release_as_it_was_approved_is_served(approved):
    room, (release, _) = approved
    trust = Trust(KeyRing(room / "keys"), room / "signatures")

    assert open_release(room / "releases" / release, release, trust=trust).digest == release
