"""G7: ways in which the bytes of a release change after it was approved."""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from sluice.data.digest import file_digest
from sluice.errors import IntegrityError
from sluice.serving import custody
from sluice.serving import release as releases
from sluice.serving.release import open_release

STATE = "state/state.json"
PARSERS = ("decode_golden", "score_in_child", "load_scorer")


def flip(folder: Path) -> None:
    content = bytearray((folder / STATE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / STATE).write_bytes(content)


def truncate(folder: Path) -> None:
    os.truncate(folder / STATE, (folder / STATE).stat().st_size - 1)


def add(folder: Path) -> None:
    (folder / "model" / "extra.json").write_text("{}")


def remove(folder: Path) -> None:
    (folder / STATE).unlink()


def symlink(folder: Path) -> None:
    (folder / STATE).rename(folder.parent / "moved")
    (folder / STATE).symlink_to(folder.parent / "moved")


def swap(folder: Path) -> None:
    one, other, held = folder / STATE, folder / "state" / "ids.json", folder.parent / "held"
    one.rename(held)
    other.rename(one)
    held.rename(other)


def replace_by_another_release(folder: Path) -> None:
    """Whole and sound, and never approved."""
    (other,) = (
        each for each in folder.parent.iterdir() if each != folder and each.is_dir()
    )
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def replace_by_one_that_agrees_with_itself(folder: Path) -> None:
    """A file and the manifest's digest of it, both rewritten."""
    manifest, before = folder / "manifest.json", file_digest(folder / STATE)
    flip(folder)
    manifest.write_text(manifest.read_text().replace(before, file_digest(folder / STATE)))


DAMAGES: tuple[Callable[[Path], None], ...] = (
    flip, truncate, add, remove, symlink, swap, replace_by_another_release,
    replace_by_one_that_agrees_with_itself,
)  # fmt: skip


def served_after(damage: Callable[[Path], None], pristine: Path, folder: Path) -> str:
    """What is wrong once the bytes changed: empty where they are refused before anything is parsed.

    Args:
        damage: one of `DAMAGES`.
        pristine: a folder of two releases; the one that was approved is named first by its digest.
        folder: to be used for a copy of them.
    """
    shutil.copytree(pristine, folder)
    release = min(each.name for each in folder.iterdir() if each.is_dir())
    damage(folder / release)
    with ExitStack() as stack:
        for name in PARSERS:
            stack.enter_context(mock.patch.object(releases, name, side_effect=_parsed))
        try:
            open_release(folder / release, release)
        except IntegrityError:
            return ""
        except _ParsedError:
            return "it was parsed"
    return "it serves"


class _ParsedError(Exception):
    """Something was read as more than bytes."""


def _parsed(*_: object) -> None:
    raise _ParsedError


def trusts_file_digests() -> tuple[Any, str, Any]:
    """G7: the manifest's digest is checked, and no file's against it."""
    return custody, "_check_file", lambda *_: None


MUTANTS = (trusts_file_digests,)
