"""Which commit the running code is of, in real repositories, and what is said where nobody knows."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sluice.data.commit import Commit, installed_commit, running_commit, work_tree_commit

IDENTITY = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")


def git(folder: Path, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        ["git", "-C", folder, *IDENTITY, *arguments],
        env=env, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path) -> Path:
    """A committed package folder inside a repository."""
    folder = tmp_path / "repository" / "package"
    folder.mkdir(parents=True)
    (folder / "code.py").write_text("one = 1\n")
    (folder.parent / ".gitignore").write_text("ignored/\n")
    git(folder.parent, "init", "--quiet")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "--quiet", "--message", "first")
    return folder


def test_a_clean_work_tree_is_at_its_commit(package):
    found = work_tree_commit(package)

    assert found == Commit(git(package, "rev-parse", "HEAD"), "its git work tree")
    assert str(found) == f"{found.id}, from its git work tree"


@pytest.mark.parametrize("changed", ["package/code.py", "package/new.py", "other.py"])
def test_a_changed_or_new_file_anywhere_makes_it_dirty(package, changed):
    (package.parent / changed).write_text("two = 2\n")
    found = work_tree_commit(package)

    assert (found.id, found.dirty) == (git(package, "rev-parse", "HEAD"), True)
    assert "with uncommitted changes" in str(found)


def test_what_git_ignores_makes_nothing_dirty_and_is_of_no_commit(package):
    environment = package.parent / "ignored" / "site-packages"
    environment.mkdir(parents=True)
    (environment / "code.py").write_text("one = 1\n")

    assert not work_tree_commit(package).dirty
    assert str(work_tree_commit(environment)) == (
        "unknown: the code is no part of a git work tree"
    )


def test_the_repository_of_a_hook_is_not_taken_for_the_code_s_own(
    package, tmp_path, monkeypatch
):
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))

    assert work_tree_commit(package).id is not None


def test_a_folder_of_no_repository_and_one_without_a_commit_say_so(tmp_path):
    assert "not a git repository" in str(work_tree_commit(tmp_path))
    (tmp_path / "code.py").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    assert str(work_tree_commit(tmp_path)).startswith("unknown: git says 'fatal")


def test_without_git_nothing_is_known(package, monkeypatch):
    monkeypatch.setenv("PATH", str(package))

    assert str(work_tree_commit(package)) == "unknown: there is no git"


def test_a_git_that_does_not_answer_is_not_waited_for(package, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    monkeypatch.setattr("sluice.data.commit._SECONDS", 0.2)

    assert "did not answer" in str(work_tree_commit(package))


INSTALLED = {"url": "https://example.org/sluice", "vcs_info": {"vcs": "git", "commit_id": "ab" * 20}}  # fmt: skip
ELSEWHERE = {"url": "file:///somewhere", "dir_info": {"editable": True}}


def test_an_installation_from_a_repository_knows_its_commit():
    found = installed_commit(json.dumps(INSTALLED))

    assert found == Commit("ab" * 20, "the repository it was installed from")


@pytest.mark.parametrize("direct_url", [None, json.dumps(ELSEWHERE)])
def test_an_installation_from_anything_else_does_not(direct_url):
    assert str(installed_commit(direct_url)) == "unknown: not installed from a repository"


def test_the_running_code_asks_its_installation_where_git_knows_nothing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert str(running_commit()).startswith("unknown: there is no git; not installed")
    monkeypatch.setattr("sluice.data.commit._direct_url", lambda: json.dumps(INSTALLED))
    assert running_commit().id == "ab" * 20
