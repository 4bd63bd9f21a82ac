"""A surface file to begin from."""

import pytest
from click.testing import CliRunner

from sluice.cli import main
from sluice.errors import ConfigError
from sluice.surface import load_surface


def written(name, *options):
    return CliRunner().invoke(
        main, ["new", "surface", name, *options], standalone_mode=False
    )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_SURFACES", str(tmp_path / "surfaces"))
    return tmp_path / "surfaces"


def test_a_new_surface_is_one_that_loads(folder):
    done = written("search", "--owner", "search-team", "--reviewer", "rita")
    surface = load_surface(folder / "search.toml")

    assert done.exception is None
    assert (surface.name, surface.owner) == ("search", "search-team")
    assert surface.review.reviewers == ("rita",)
    assert [file.name for file in folder.iterdir()] == ["search.toml"]


def test_a_file_that_is_there_is_kept(folder):
    written("search")
    before = (folder / "search.toml").read_text()
    again = written("search", "--owner", "others")

    assert isinstance(again.exception, ConfigError)
    assert (folder / "search.toml").read_text() == before


@pytest.mark.parametrize("name", ["Search", "a/b", "../x", "", "a b", 'x"'])
def test_a_name_that_is_none_leaves_no_file(folder, name):
    assert isinstance(written(name).exception, ConfigError)
    assert not folder.exists() or not list(folder.rglob("*"))


@pytest.mark.parametrize("person", ["", 'a"b'])
def test_an_owner_that_is_none_leaves_no_file(folder, person):
    assert isinstance(written("search", "--owner", person).exception, ConfigError)
    assert not list(folder.rglob("*.toml"))
