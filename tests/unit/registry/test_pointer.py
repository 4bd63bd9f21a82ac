import json

import pytest

from registry.pointer import Pointer, read_pointer, write_pointer
from sluice.errors import Conflict, IntegrityError, Refused
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


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"surface": "feed"}', '{"surface": "ads", "version": 1, "release": "r", "epoch": 1}',
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
