import pytest

from sluice.data.files import Files
from sluice.errors import IntegrityError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.txt").write_bytes(b"trees")
    (tmp_path / "golden.json").write_bytes(b"[]")
    return tmp_path


def test_a_folder_is_read_once_and_what_happens_to_it_afterwards_is_not_seen(folder):
    files = Files.of(folder)
    (folder / "golden.json").write_bytes(b"swapped in")
    (folder / "model" / "model.txt").unlink()

    assert files.contents == {"golden.json": b"[]", "model/model.txt": b"trees"}
    assert files.read("golden.json") == b"[]"
    assert files.under("model").read("model.txt") == b"trees"
    assert Files.of(files) is files


def test_only_what_is_asked_for_is_read(folder):
    files = Files.of(folder, ("golden.json", "none.json"))

    assert files.contents.keys() == {"golden.json"}


def test_what_is_missing_is_named_with_where_it_was_looked_for(folder):
    with pytest.raises(IntegrityError, match=r"model/none\.txt is missing"):
        Files.of(folder).under("model").read("none.txt")
    with pytest.raises(IntegrityError, match=r"nowhere/a is missing"):
        Files.of(folder / "nowhere").read("a")


def test_what_it_holds_is_not_printed(folder):
    assert "trees" not in repr(Files.of(folder))
