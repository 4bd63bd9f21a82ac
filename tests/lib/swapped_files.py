"""G7: a file of a release replaced after it was read, by somebody who waited for just that moment."""

import re
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.features.state.feature_state import Request
from sluice.serving import custody
from sluice.serving import release as releases
from sluice.serving.release import LoadedRelease, open_release
from tests.lib.releases import END, ITEM_IDS

MODEL = "model/model.txt"
ASKED = tuple(
    Request(f"user{number}", (*ITEM_IDS[number:], "never seen"), END, {})
    for number in range(8)
)
_place: list[Path] = []
"""The release that is being opened, for mutants that go back to its path."""


def names(folder: Path) -> tuple[str, ...]:
    """Every file of a release."""
    return tuple(
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def answers(release: LoadedRelease) -> list[list[float]]:
    return [release.scorer.scores(each).tolist() for each in ASKED]


def served_after_a_swap(
    folder: Path, swapped: tuple[str, ...], expected: list[list[float]]
) -> str:
    """What is wrong: empty where what was read is what serves, whatever lies in the folder by then.

    Args:
        folder: of a sound release; it is spoiled.
        swapped: files that are replaced as soon as each was read.
        expected: scores of the sound release.
    """
    read, left = custody.file_bytes, set(swapped)

    def then_swap(at: Path, name: str, most: int, whose: str) -> bytes:
        content = read(at, name, most, whose)
        if name in left:
            left.remove(name)
            (at / name).rename(at.parent / "swapped out")
            (at / name).write_bytes(another(name, content))
        return content

    _place[:] = [folder]
    with mock.patch.object(custody, "file_bytes", then_swap):
        try:
            opened = open_release(folder, folder.name)
        except IntegrityError as error:
            return f"{', '.join(swapped)}: what was swapped in was looked at: {error}"
    if left:
        return f"never read: {', '.join(sorted(left))}"
    return (
        "" if answers(opened) == expected else f"{', '.join(swapped)}: swapped in, serves"
    )


def another(name: str, content: bytes) -> bytes:
    """Of a model one with other leaves, which loads as well as the first; of all else garbage."""
    if name != MODEL:
        return b"swapped in"
    leaves = re.compile(rb"(?m)^leaf_value=(.*)$")
    return leaves.sub(lambda old: b"leaf_value=" + b"9" + old[1][1:], content)


def server_loads_by_path() -> tuple[Any, str, Any]:
    """G7: the server checks the bytes, and loads what lies in the folder."""
    load = releases.load_scorer
    return releases, "load_scorer", lambda _: load(_place[0])


def child_loads_by_path() -> tuple[Any, str, Any]:
    """G7: the child is given what lies in the folder."""
    score = releases.score_in_child

    def from_the_folder(files: Files, limits: Any) -> list[list[float]]:
        return score(Files(files.source, Files.of(_place[0]).contents), limits)

    return releases, "score_in_child", from_the_folder


MUTANTS = (server_loads_by_path, child_loads_by_path)


def copied(pristine: Path, into: Path) -> Path:
    shutil.rmtree(into, ignore_errors=True)
    return shutil.copytree(pristine, into / pristine.name)
