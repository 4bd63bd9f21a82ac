"""The code in a Bento is checked from outside, before any of it runs."""

import shutil
from pathlib import Path

import pytest

from sluice.errors import IntegrityError
from sluice.serving import bento_code, running
from sluice.serving.bento import Bento, check_bento
from sluice.serving.bento_code import ROOT, code_entries, private_source, read_code
from sluice.serving.manifest import parse_manifest
from tests.lib.damaged_code import DAMAGES, MUTANTS, SCORER, edited, laid_out, runs_after
from tests.lib.machine_mutants import mutated


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_code_that_was_changed_is_refused_by_name(tmp_path, damage):
    assert runs_after(damage, tmp_path / "src") == ""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_it_is_red_where_the_check_is_out(tmp_path, mutant):
    with mutated(mutant):
        assert any(runs_after(each, tmp_path / each.__name__ / "src") for each in DAMAGES)


def test_every_source_that_serves_is_listed_and_nothing_compiled():
    listed = code_entries()

    assert {SCORER, "sluice/__init__.py", "sluice/registry/pointer.py"} <= set(listed)
    assert not [name for name in listed if "__pycache__" in name]
    assert all((ROOT / name).is_file() for name in listed)


def test_what_is_served_is_a_copy_that_only_its_user_may_enter(tmp_path):
    listed = laid_out(tmp_path / "src")

    with private_source(tmp_path / "src", listed) as private:
        assert private.stat().st_mode & 0o777 == 0o700
        assert code_entries(private) == listed
        edited(tmp_path / "src")  # too late to be served
        assert code_entries(private) == listed
    assert not private.exists()


def test_what_this_installation_compiled_goes_along_only_with_the_same_sources(
    tmp_path, monkeypatch
):
    installed, source = tmp_path / "installed", tmp_path / "src"
    laid_out(installed)
    listed = laid_out(source)
    compiled = installed / "sluice" / "serving" / "__pycache__" / "scorer.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"of ours")
    monkeypatch.setattr(bento_code, "ROOT", installed)
    monkeypatch.setattr(bento_code, "code_entries", lambda: code_entries(installed))

    with private_source(source, listed) as private:
        carried = private / "sluice" / "serving" / "__pycache__" / compiled.name
        assert carried.read_bytes() == b"of ours"
        stamps = [(each / SCORER).stat().st_mtime_ns for each in (private, installed)]
        assert stamps[0] == stamps[1]
    with (installed / "sluice" / "errors.py").open("a") as file:
        file.write("# newer\n")
    with private_source(source, listed) as private:
        assert not list(private.rglob("__pycache__"))


@pytest.fixture
def bento(pristine, tmp_path):
    """As `build_bento` lays one out, without BentoML's own files."""
    made = Bento(tmp_path / "bentoml", "for_you", pristine.name)
    laid_out(made.source)
    shutil.rmtree(made.source / "releases")
    shutil.copytree(pristine, made.packaged)
    return made


def test_a_release_lists_the_code_that_its_bento_carries(bento):
    manifest = parse_manifest((bento.packaged / "manifest.json").read_bytes())

    assert manifest.service == code_entries()
    assert check_bento(bento) == manifest
    assert (
        read_code(bento.source, manifest.service).contents.keys() == code_entries().keys()
    )


def test_a_bento_with_other_code_is_not_started(bento, tmp_path, monkeypatch):
    def start(*_: object) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr(running, "_start", start)
    edited(bento.source)

    with pytest.raises(IntegrityError, match=r"'sluice/serving/scorer\.py' has the digest"):
        check_bento(bento)
    with (
        pytest.raises(IntegrityError, match=r"'sluice/serving/scorer\.py' has the digest"),
        running.serve(bento, Path(tmp_path)),
    ):
        pytest.fail("it serves")
