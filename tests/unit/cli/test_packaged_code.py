"""`sluice doctor` and `sluice release verify` look at the code inside a Bento as well."""

import shutil

import pytest

from sluice.cli.doctor import _standing
from sluice.errors import IntegrityError
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import Pointer, write_pointer
from sluice.registry.signature import signature_path, signed_statement
from sluice.serving.bento import Bento
from sluice.serving.custody import check_bytes
from sluice.serving.trust import signed_files
from sluice.settings import Settings
from sluice.store.records import Champion
from tests.lib.damaged_code import compiled_by_numba, edited, laid_out
from tests.lib.installations import empty_installation
from tests.lib.releases import small_release


@pytest.fixture
def installation(tmp_path):
    return empty_installation(tmp_path)


@pytest.fixture
def settings(installation):
    return Settings(installation.home, "", installation.surfaces, None)


@pytest.fixture
def bento(settings):
    """A signed release that the pointer names, and its Bento, without BentoML's own files."""
    digest = small_release(settings.releases)
    release, keys = settings.releases / digest, KeyRing(settings.keys)
    path = signature_path(settings.signatures, digest)
    path.parent.mkdir()
    files = signed_files(check_bytes(release, digest))
    path.write_bytes(signed_statement(digest, files, {}, keys.signing_or_new()))
    write_pointer(settings.pointers, Pointer("for_you", 1, digest, 1), keys)
    made = Bento(settings.bentos, "for_you", digest)
    laid_out(made.source)
    shutil.copytree(release, made.packaged)
    return made


def test_doctor_names_code_that_was_changed_and_a_pointer_that_is_not_signed(
    settings, bento
):
    champion = Champion("for_you", 1, bento.release, 1, None, None)
    assert "its Bento as packaged" in _standing(settings, champion)

    name = compiled_by_numba(bento.source)
    with pytest.raises(IntegrityError, match=name):
        _standing(settings, champion)
    shutil.rmtree(bento.folder)
    assert "no Bento of it here" in _standing(settings, champion)

    (settings.pointers / "for_you.json").unlink()
    write_pointer(settings.pointers, Pointer("for_you", 1, bento.release, 1))
    with pytest.raises(IntegrityError, match="is not signed"):
        _standing(settings, champion)


def test_verify_names_code_that_was_changed(installation, bento):
    assert installation.must("release", "verify", bento.release)["bento"] == bento.tag

    name = edited(bento.source)
    done = installation.sluice("release", "verify", bento.release)
    assert done.code == IntegrityError("").exit_code
    assert name in done.err
