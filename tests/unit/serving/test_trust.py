"""A release's signature is looked at after its digests and before anything is loaded."""

import asyncio
from dataclasses import replace

import pytest

from sluice.errors import IntegrityError
from sluice.registry.keys import KeyRing
from sluice.registry.signature import signature_path, signed_statement
from sluice.serving import release as releases
from sluice.serving.custody import check_bytes
from sluice.serving.following import Verification
from sluice.serving.ranking_server import RankingServer
from sluice.serving.release import open_release, verify_release
from sluice.serving.source import FixedSource
from sluice.serving.trust import Trust, signed_files
from tests.lib.releases import END
from tests.lib.stores import T0


@pytest.fixture
def trust(tmp_path):
    return Trust(KeyRing(tmp_path / "keys"), tmp_path / "signatures")


def sign(trust, folder, ring=None):
    files = signed_files(check_bytes(folder, folder.name))
    path = signature_path(trust.signatures, folder.name)
    path.parent.mkdir(exist_ok=True)
    key = (ring or trust.keys).signing_or_new()
    path.write_bytes(signed_statement(folder.name, files, {"gates": []}, key))
    return path


@pytest.fixture
def no_child(monkeypatch):
    """Loading is a failure: whatever is refused has to be refused before."""

    def load(files, limits):
        raise AssertionError(f"{files.source} was loaded")

    monkeypatch.setattr(releases, "score_in_child", load)


def test_a_signed_release_is_opened(pristine, trust):
    sign(trust, pristine)

    assert open_release(pristine, pristine.name, trust=trust).digest == pristine.name


def test_before_any_key_is_trusted_an_unsigned_release_is_served_unless_forbidden(
    pristine, trust, no_child
):
    assert trust.check(check_bytes(pristine, pristine.name)) is None
    with pytest.raises(IntegrityError, match="a signature is required, and no key"):
        verify_release(pristine, pristine.name, trust=replace(trust, required=True))


def unsigned(trust, folder, tmp_path):
    trust.keys.generate()
    return "there is none"


def by_a_stranger(trust, folder, tmp_path):
    trust.keys.generate()
    sign(trust, folder, KeyRing(tmp_path / "strangers"))
    return "never trusted"


def by_a_revoked_key(trust, folder, tmp_path):
    sign(trust, folder)
    trust.keys.revoke(trust.keys.signing().public.id, at=T0, reason="stolen")
    return "revoked"


def of_another_release(trust, folder, tmp_path):
    path = sign(trust, folder)
    files = {"manifest.json": "e" * 64}
    path.write_bytes(signed_statement("e" * 64, files, {}, trust.keys.signing()))
    return "another release"


def without_the_list_of_revoked_keys(trust, folder, tmp_path):
    sign(trust, folder)
    (trust.keys.folder / "revoked.json").write_text("?")
    return "no list of revoked keys"


UNTRUSTED = (
    unsigned, by_a_stranger, by_a_revoked_key, of_another_release, without_the_list_of_revoked_keys,
)  # fmt: skip


@pytest.mark.parametrize("spoil", UNTRUSTED, ids=lambda each: each.__name__)
def test_what_no_trusted_key_signed_is_never_loaded(
    pristine, trust, no_child, tmp_path, spoil
):
    said = spoil(trust, pristine, tmp_path)

    with pytest.raises(IntegrityError, match=said):
        open_release(pristine, pristine.name, trust=trust)


def test_the_digests_are_checked_before_the_signature(release, trust, no_child):
    trust.keys.generate()
    (release / "golden.json").write_bytes(b"{}")

    with pytest.raises(IntegrityError, match=r"golden\.json.*digest"):
        verify_release(release, release.name, trust=trust)


def test_a_server_does_not_take_an_unsigned_release_and_takes_it_once_signed(
    pristine, trust, tmp_path
):
    async def steps():
        source = FixedSource(pristine, pristine.name)
        server = RankingServer(
            source,
            tmp_path / "predictions",
            lambda: END,
            verification=Verification(trust=trust),
        )
        await server.look()
        assert server.serving is None
        assert "there is none" in server.refusal
        sign(trust, pristine)
        await server.look()
        assert server.serving is not None
        assert server.refusal == ""
        await server.stop()

    trust.keys.generate()
    asyncio.run(steps())
