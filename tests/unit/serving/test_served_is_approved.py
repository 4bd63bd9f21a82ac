"""G7: the bytes that serve are the bytes that were approved; anything else is refused unparsed."""

import os
import shutil

import pytest

from registry import promotion
from registry.attestation import SignedPointer, Signer
from registry.keys import KeyRing
from registry.pointer import PointerReceiver, read_pointer
from registry.relay import DeliveryError, relay
from serving import release as releases
from serving.release import open_release
from serving.trust import Trust
from sluice.data.digest import file_digest
from sluice.errors import IntegrityError
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib import promotions
from tests.lib.promotions import bring
from tests.lib.releases import small_release
from tests.lib.stores import T0

STATE = "state/state.json"


@pytest.fixture
def approved(tmp_path, monkeypatch):
    """A folder of releases; the first is approved, and nothing points to it yet."""
    made = [small_release(tmp_path / "releases", number) for number in (1, 2)]
    monkeypatch.setattr(promotions, "release_of", lambda version: made[version.number - 1])
    return tmp_path, made


@pytest.fixture
def unparsed(monkeypatch):
    """Reading anything as more than bytes is a failure."""

    def parsed(*_: object) -> None:
        raise AssertionError("parsed before it was known to be what was approved")

    for name in ("decode_golden", "score_in_child", "load_scorer"):
        monkeypatch.setattr(releases, name, parsed)


def flip(folder):
    content = bytearray((folder / STATE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / STATE).write_bytes(content)


def truncate(folder):
    os.truncate(folder / STATE, (folder / STATE).stat().st_size - 1)


def add(folder):
    (folder / "model" / "extra.json").write_text("{}")


def remove(folder):
    (folder / STATE).unlink()


def symlink(folder):
    (folder / STATE).rename(folder.parent / "moved")
    (folder / STATE).symlink_to(folder.parent / "moved")


def swap(folder):
    one, other, held = folder / STATE, folder / "state" / "ids.json", folder.parent / "held"
    one.rename(held)
    other.rename(one)
    held.rename(other)


def replace_by_another_release(folder):
    """Whole and sound, and never approved."""
    (other,) = (
        each for each in folder.parent.iterdir() if each != folder and each.is_dir()
    )
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def replace_by_one_that_agrees_with_itself(folder):
    """A file and the manifest's digest of it, both rewritten."""
    manifest, before = folder / "manifest.json", file_digest(folder / STATE)
    flip(folder)
    manifest.write_text(manifest.read_text().replace(before, file_digest(folder / STATE)))


DAMAGES = (
    flip, truncate, add, remove, symlink, swap, replace_by_another_release,
    replace_by_one_that_agrees_with_itself,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_whatever_changed_after_the_approval_is_refused_before_it_is_parsed(
    approved, unparsed, damage
):
    room, (release, _) = approved
    damage(room / "releases" / release)

    with pytest.raises(IntegrityError):
        open_release(room / "releases" / release, release)


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
