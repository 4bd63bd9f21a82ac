"""The git commit of the running code, as far as it can be known. Provenance, never an identity."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sluice.environment import allowed

_SECONDS = 10.0


@dataclass(frozen=True)
class Commit:
    """The commit, or why nobody knows it."""

    id: str | None
    found: str
    """Where it was read, or why it could not be."""
    dirty: bool = False
    """Whether files differed from the commit, new ones included."""

    def __str__(self) -> str:
        if self.id is None:
            return f"unknown: {self.found}"
        return f"{self.id}{', with uncommitted changes' if self.dirty else ''}, from {self.found}"


class _Unanswered(Exception):
    """Git has no answer; the message says why."""


def running_commit() -> Commit:
    """Of the code that runs: by its git work tree, else by how it was installed."""
    tree = work_tree_commit(Path(__file__).parents[1])
    if tree.id is not None:
        return tree
    installed = installed_commit(_direct_url())
    if installed.id is not None:
        return installed
    return Commit(None, f"{tree.found}; {installed.found}")


def work_tree_commit(folder: Path) -> Commit:
    """Of the work tree that the folder's files belong to.

    A folder that merely lies inside some other repository, as an environment often does, belongs to
    none: nothing in it is tracked there.
    """
    try:
        if not _git(folder, "ls-files", "--", "."):
            return Commit(None, "the code is no part of a git work tree")
        head = _git(folder, "rev-parse", "--verify", "HEAD")
        changes = _git(folder, "status", "--porcelain")
    except _Unanswered as error:
        return Commit(None, str(error))
    return Commit(head, "its git work tree", bool(changes))


def installed_commit(direct_url: str | None) -> Commit:
    """Of the repository that a distribution was installed from.

    Args:
        direct_url: content of its `direct_url.json`; None where it has none.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    vcs = json.loads(direct_url).get("vcs_info", {}) if direct_url else {}
    if "commit_id" not in vcs:
        return Commit(None, "not installed from a repository")
    return Commit(vcs["commit_id"], "the repository it was installed from")


def _direct_url() -> str | None:
    try:
        return distribution("sluice").read_text("direct_url.json")
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise _Unanswered("there is no git")
    try:
        done = subprocess.run(
            [program, "-C", str(folder), *arguments],
            # A hook's GIT_DIR would name another repository; and whoever only asks takes no lock.
            env={**allowed(os.environ), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _Unanswered(f"git did not answer within {_SECONDS:.0f} s") from error
    if done.returncode:
        raise _Unanswered(f"git says {done.stderr.strip().partition(chr(10))[0]!r}")
    return done.stdout.strip()
