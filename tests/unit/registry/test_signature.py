"""A release's signature: what it binds, what is refused, and that OpenSSF's own tool agrees."""

import base64
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.data.digest import file_digest
from sluice.errors import IntegrityError
from sluice.registry import heads
from sluice.registry.bundle import opened, sealed
from sluice.registry.keys import KeyRing
from sluice.registry.signature import PAYLOAD_TYPE, check_signature, signed_statement
from tests.lib.releases import small_release
from tests.lib.stores import T0

RELEASE = "d" * 64
FILES = {"manifest.json": RELEASE, "golden.json": "1" * 64, "model/model.txt": "2" * 64}
CLAIMS = {"gates": [{"gate": "data", "outcome": "pass"}], "signed_at": "2024-05-01"}


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "keys")


@pytest.fixture
def path(ring, tmp_path):
    path = tmp_path / "signature.json"
    path.write_bytes(signed_statement(RELEASE, FILES, CLAIMS, ring.signing_or_new()))
    return path


def test_a_signature_says_what_was_claimed_and_by_which_key(path, ring):
    signed = check_signature(path, RELEASE, FILES, ring.trusted())

    assert (signed.release, signed.claims) == (RELEASE, CLAIMS)
    assert signed.key == ring.signing().public.id


OTHERS = {
    "release": ("e" * 64, FILES),
    "a changed file": (RELEASE, FILES | {"golden.json": "3" * 64}),
    "an extra file": (RELEASE, FILES | {"model/more.txt": "3" * 64}),
    "a missing file": (RELEASE, {"manifest.json": RELEASE, "golden.json": "1" * 64}),
    "two files swapped": (
        RELEASE, FILES | {"golden.json": "2" * 64, "model/model.txt": "1" * 64},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("release", "files"), OTHERS.values(), ids=OTHERS)
def test_a_signature_of_anything_else_is_refused(path, ring, release, files):
    with pytest.raises(IntegrityError, match="another release, or about other files"):
        check_signature(path, release, files, ring.trusted())


def changed(path, change):
    bundle = json.loads(path.read_bytes())
    change(bundle)
    path.write_text(json.dumps(bundle))


def reclaim(bundle):
    """Claim another gate's outcome, leaving the signature as it is."""
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"]).replace(b'"pass"', b'"fail"')
    envelope["payload"] = base64.b64encode(payload).decode()


ALTERED = {
    "claims": reclaim,
    "payload type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "no signature": lambda b: b["dsseEnvelope"].update(signatures=[]),
    "two signatures": lambda b: b["dsseEnvelope"]["signatures"].append({"sig": "AA=="}),
    "another signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="AA=="),
    "no base64": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="?"),
    "another key": lambda b: b["verificationMaterial"]["publicKey"].update(hint="f" * 64),
    "nothing": dict.clear,
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_an_altered_signature_is_refused(path, ring, change):
    changed(path, change)

    with pytest.raises(IntegrityError, match="signature of release dddddddddddd"):
        check_signature(path, RELEASE, FILES, ring.trusted())


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"\xff", b"null"])
def test_what_is_no_signature_at_all_is_refused(path, ring, content):
    path.write_bytes(content)

    with pytest.raises(IntegrityError, match="no signed bundle"):
        check_signature(path, RELEASE, FILES, ring.trusted())


def test_a_missing_signature_and_a_huge_one_are_refused(path, ring, tmp_path):
    with pytest.raises(IntegrityError, match="there is none"):
        check_signature(tmp_path / "none", RELEASE, FILES, ring.trusted())
    path.write_bytes(b"x" * (2 << 20))
    with pytest.raises(IntegrityError, match="more than"):
        check_signature(path, RELEASE, FILES, ring.trusted())


def test_a_stranger_s_and_a_revoked_key_s_signature_are_refused(path, ring, tmp_path):
    stranger = KeyRing(tmp_path / "strangers")
    stranger.generate()
    with pytest.raises(IntegrityError, match="revoked or was never trusted"):
        check_signature(path, RELEASE, FILES, stranger.trusted())
    ring.revoke(ring.signing().public.id, at=T0, reason="stolen")
    with pytest.raises(IntegrityError, match="revoked or was never trusted"):
        check_signature(path, RELEASE, FILES, ring.trusted())


def test_during_a_rotation_both_keys_count(path, ring, tmp_path):
    ring.generate(rotate=True)
    other = tmp_path / "other.json"
    other.write_bytes(signed_statement(RELEASE, FILES, CLAIMS, ring.signing()))

    keys = {
        check_signature(each, RELEASE, FILES, ring.trusted()).key for each in (path, other)
    }
    assert keys == {key.id for key in ring.trusted()}


def test_a_signed_ledger_head_is_no_signed_release(path, ring):
    path.write_bytes(sealed(heads.PAYLOAD_TYPE, b"{}", ring.signing()))

    with pytest.raises(IntegrityError, match=r"holds application/vnd\.sluice\.ledger-head"):
        check_signature(path, RELEASE, FILES, ring.trusted())


@given(content=st.binary(max_size=400))
def test_any_payload_comes_back_as_it_was_signed(tmp_path_factory, content):
    key = KeyRing(tmp_path_factory.mktemp("keys")).signing_or_new()
    bundle = sealed(PAYLOAD_TYPE, content, key)

    assert opened(bundle, PAYLOAD_TYPE, [key.public], "it") == (content, key.public)


def test_the_openssf_verifier_accepts_the_signature_and_finds_a_change(tmp_path, ring):
    pytest.importorskip("model_signing", reason="OpenSSF's verifier is not installed")
    release = small_release(tmp_path / "releases")
    folder, signature = tmp_path / "releases" / release, tmp_path / "signature.json"
    names = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    files = {name: file_digest(path) for name, path in names.items()}
    signature.write_bytes(signed_statement(release, files, CLAIMS, ring.signing_or_new()))
    (public,) = (ring.folder / "trusted").iterdir()

    def verified():
        command = [
            sys.executable, "-m", "model_signing", "verify", "key", str(folder),
            "--signature", str(signature), "--public_key", str(public),
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert verified()
    (folder / "golden.json").write_bytes(b"{}")
    assert not verified()
