"""The key ring: made once, kept from others, rotated, revoked."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sluice.errors import ConfigError, IntegrityError, NotFound, Refused
from sluice.registry.keys import KeyRing, read_public
from tests.lib.stores import T0


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "keys")


def test_a_new_key_is_for_its_owner_only_and_trusted(ring):
    key = ring.signing_or_new()

    assert stat.S_IMODE(ring.private.stat().st_mode) == 0o600
    assert [each.id for each in ring.trusted()] == [key.public.id]
    assert ring.signing_or_new().public == key.public
    assert read_public(next((ring.folder / "trusted").iterdir())) == key.public


def test_what_one_key_signed_is_verified_by_that_key_alone(ring, tmp_path):
    key, other = ring.signing_or_new(), KeyRing(tmp_path / "others").signing_or_new()
    signature = key.sign(b"content")

    assert key.public.verifies(b"content", signature)
    assert not key.public.verifies(b"Content", signature)
    assert not key.public.verifies(b"content", signature[:-1])
    assert not key.public.verifies(b"content", b"")
    assert not other.public.verifies(b"content", signature)


def test_of_many_that_make_the_first_key_at_once_all_use_one(ring):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ring.signing_or_new().public.id, range(16)))

    assert len(set(found)) == 1
    assert [key.id for key in ring.trusted()] == found[:1]
    assert {path.name for path in ring.folder.iterdir()} == {"signing.key", "trusted"}


def test_a_key_is_replaced_only_on_purpose_and_the_old_one_stays_trusted(ring):
    first = ring.generate()
    with pytest.raises(Refused, match="--rotate"):
        ring.generate()
    second = ring.generate(rotate=True)

    assert ring.signing().public == second
    assert {key.id for key in ring.trusted()} == {first.id, second.id}


def test_a_revoked_key_no_longer_counts_nor_signs(ring):
    first = ring.generate()
    revoked = ring.revoke(first.id[:8], at=T0, reason="stolen")

    assert (revoked.key, revoked.reason) == (first.id, "stolen")
    assert ring.revoke(first.id, at=T0, reason="again") == revoked
    assert ring.trusted() == ()
    assert [key.id for key in ring.known()] == [first.id]
    with pytest.raises(IntegrityError, match=r"revoked.*--rotate"):
        ring.signing_or_new()
    second = ring.generate(rotate=True)
    assert [key.id for key in ring.trusted()] == [second.id]


@pytest.mark.parametrize("digits", ["", "zz"])
def test_a_key_that_is_not_named_is_not_revoked(ring, digits):
    ring.generate()

    with pytest.raises(NotFound):
        ring.revoke(digits, at=T0, reason="?")
    assert len(ring.trusted()) == 1


def test_a_private_key_that_others_may_read_is_refused(ring):
    ring.generate()
    ring.private.chmod(0o640)

    with pytest.raises(ConfigError, match="others may read it"):
        ring.signing()


def test_without_a_key_one_is_asked_for(ring):
    with pytest.raises(NotFound, match="sluice release keygen"):
        ring.signing()


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


ODD = {
    "no key": b"-----BEGIN NOTHING-----",
    "empty": b"",
    "another kind": public_pem(ed25519.Ed25519PrivateKey.generate()),
    "another curve": public_pem(ec.generate_private_key(ec.SECP384R1())),
    "a private key": pem(ec.generate_private_key(ec.SECP256R1())),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_a_trusted_file_that_is_no_p256_public_key_stops_everything(ring, content):
    ring.generate()
    (ring.folder / "trusted" / "odd.pub").write_bytes(content)

    with pytest.raises(IntegrityError, match=r"odd\.pub"):
        ring.trusted()


@pytest.mark.parametrize("content", [b"{", b"{}x", b'["key"]', b'[{"key": 1}]', b"7"])
def test_a_list_of_revoked_keys_that_cannot_be_read_trusts_nobody(ring, content):
    ring.generate()
    (ring.folder / "revoked.json").write_bytes(content)

    with pytest.raises(IntegrityError, match=r"revoked\.json"):
        ring.trusted()
