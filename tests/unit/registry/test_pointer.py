import json
import os
from dataclasses import asdict

import pytest

from sluice.errors import Conflict, IntegrityError, NotFound, Refused
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import MAX_BYTES, Pointer, read_pointer, write_pointer
from tests.lib.forged_pointers import FORGED, MUTANTS, taken_after
from tests.lib.machine_mutants import mutated
from tests.lib.stores import T0
from tests.lib.threads import at_once


def pointer(epoch, release="r"):
    return Pointer("feed", epoch, f"{release}{epoch}", epoch)


def test_a_pointer_is_read_as_written(tmp_path):
    write_pointer(tmp_path / "new folder", pointer(1))

    assert read_pointer(tmp_path / "new folder", "feed") == pointer(1)
    assert json.loads((tmp_path / "new folder" / "feed.json").read_text()) == {
        "surface": "feed", "version": 1, "release": "r1", "epoch": 1,
    }  # fmt: skip


def test_there_is_no_pointer_before_the_first_promotion(tmp_path):
    assert read_pointer(tmp_path, "feed") is None


def test_the_same_pointer_again_leaves_the_file_alone(tmp_path):
    write_pointer(tmp_path, pointer(1))
    inode = (tmp_path / "feed.json").stat().st_ino
    write_pointer(tmp_path, pointer(1))

    assert (tmp_path / "feed.json").stat().st_ino == inode


@pytest.mark.parametrize(
    "late", [pointer(1), pointer(2, "other")], ids=["lower epoch", "same epoch"]
)
def test_who_comes_late_is_refused(tmp_path, late):
    write_pointer(tmp_path, pointer(2))

    with pytest.raises(Conflict, match="too late"):
        write_pointer(tmp_path, late)
    assert read_pointer(tmp_path, "feed") == pointer(2)


def fields(**changes):
    return json.dumps(asdict(pointer(1)) | changes)


@pytest.mark.parametrize(
    "text",
    [fields(epoch=True), fields(epoch=-1), fields(epoch=0), fields(epoch=1.0), fields(epoch=10**30),
     fields(epoch=float("inf")), fields(epoch=float("nan")), fields(version=True), fields(version="1"),
     fields(release=5), fields(release="../outside"), fields(release=".."), fields(release="a/b"),
     fields(release="a\0b"), fields(release="r1\n"), fields(release=""), fields(release="r" * 200),
     fields(stranger=1), fields(signed=[]), "[" * 60_000, '{"a":' * 10_000, fields()[:-9],
     "", "[]", "{", '{"surface": "feed"}', '{"surface": "ads", "version": 1, "release": "r", "epoch": 1}',
     '{"surface": "feed", "version": 1, "release": "r", "epoch": "1"}', "\ud7ff"],
)  # fmt: skip
def test_a_file_that_is_no_pointer_is_an_integrity_error(tmp_path, text):
    (tmp_path / "feed.json").write_text(text, encoding="utf-8")

    with pytest.raises(IntegrityError, match=r"feed\.json"):
        read_pointer(tmp_path, "feed")


@pytest.mark.parametrize("name", ["../feed", "", "a/b", "a\0b", ".."])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(Refused, match="no name of a surface"):
        write_pointer(tmp_path, Pointer(name, 1, "r", 1))


@pytest.mark.parametrize("round_", range(10))
def test_of_many_writers_at_once_the_highest_epoch_stays(tmp_path, round_):
    def attempt(epoch):
        try:
            write_pointer(tmp_path, pointer(epoch))
        except Conflict:
            return False
        return True

    at_once(attempt, [8, 3, 5, 1, 7, 2, 6, 4])

    assert read_pointer(tmp_path, "feed") == pointer(8)


def a_fifo(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


def a_link(path):
    path.symlink_to(path.parent / "real.json")
    (path.parent / "real.json").write_text(fields())


def a_device(path):
    path.symlink_to("/dev/zero")


def too_much(path):
    path.write_bytes(b" " * MAX_BYTES + b"{}")


def ten_megabytes(path):
    path.write_bytes(b"[" * 10_000_000)


def no_text(path):
    path.write_bytes(b"\xff\xfe" + fields().encode())


ODD = (a_fifo, a_folder, a_link, a_device, too_much, ten_megabytes, no_text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("odd", ODD, ids=lambda each: each.__name__)
def test_what_is_no_small_plain_file_is_refused_at_once(tmp_path, odd):
    odd(tmp_path / "feed.json")

    with pytest.raises(IntegrityError, match=r"serving pointer feed\.json"):
        read_pointer(tmp_path, "feed")


@pytest.fixture
def keys(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    ring.generate()
    return ring


def test_a_signed_pointer_is_read_with_and_without_keys(tmp_path, keys):
    write_pointer(tmp_path, pointer(1), keys)

    assert read_pointer(tmp_path, "feed", keys) == pointer(1)
    assert read_pointer(tmp_path, "feed") == pointer(1)


def test_where_no_key_was_ever_trusted_an_unsigned_pointer_counts(tmp_path):
    write_pointer(tmp_path, pointer(1))

    assert read_pointer(tmp_path, "feed", KeyRing(tmp_path / "none")) == pointer(1)


@pytest.mark.parametrize("forge", FORGED, ids=lambda each: each.__name__)
def test_what_no_trusted_key_signed_is_refused_and_mended(tmp_path, forge):
    assert taken_after(forge, tmp_path) == ""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_signatures_are_not_looked_at(tmp_path, mutant):
    with mutated(mutant):
        assert any(taken_after(each, tmp_path / each.__name__) for each in FORGED)


@pytest.mark.parametrize(
    "odd", [each for each in ODD if each is not a_folder], ids=lambda each: each.__name__
)
def test_garbage_in_its_place_is_mended_by_who_has_the_key(tmp_path, keys, odd):
    odd(tmp_path / "feed.json")

    write_pointer(tmp_path, pointer(2), keys)
    assert read_pointer(tmp_path, "feed", keys) == pointer(2)


def test_a_signed_pointer_fences_as_ever(tmp_path, keys):
    write_pointer(tmp_path, pointer(5), keys)

    with pytest.raises(Conflict, match=r"too late.*champion mirror feed"):
        write_pointer(tmp_path, pointer(4), keys)
    assert read_pointer(tmp_path, "feed", keys) == pointer(5)


def test_a_pointer_of_a_revoked_key_is_refused_until_another_signs_it(tmp_path, keys):
    write_pointer(tmp_path, pointer(1), keys)
    keys.revoke(keys.signing().public.id, at=T0, reason="stolen")
    with pytest.raises(IntegrityError, match="revoked"):
        read_pointer(tmp_path, "feed", keys)

    keys.generate(rotate=True)
    write_pointer(tmp_path, pointer(1), keys)
    assert read_pointer(tmp_path, "feed", keys) == pointer(1)


def test_where_others_are_trusted_no_key_is_made_to_sign_with(tmp_path, keys):
    keys.private.unlink()

    with pytest.raises(NotFound, match="no key in"):
        write_pointer(tmp_path, pointer(1), keys)
    assert len(keys.known()) == 1
