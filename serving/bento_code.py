"""The code in a Bento: listed in the release's manifest, and so approved and signed with it.

A Bento carries sources alone. Compiled files run when they are loaded, Python's and Numba's alike, and
nobody can tell from a digest of the source what they do: so none may lie there. To serve, the
sources are read once, checked, and written into a new folder that only this user may enter; files that
were compiled go with them from this installation, where its sources are the same to the byte.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sluice.child import ROOT
from sluice.data.digest import bytes_digest, file_digest
from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.serving.custody import file_bytes

PACKAGE = "sluice"
NOT_SERVED = ("flows", "monitors", "backup")
"""Rooms whose code serves nobody."""
RELEASES = "releases"
"""Folder of the release, beside the packages; `sluice.serving.custody` checks what is in it."""
MAX_CODE_BYTES = 4 << 20
MAX_CODE_FILES = 2000

COMPILED = "__pycache__"
_WHOSE = "the Bento's code"
_UNFINISHED = shutil.ignore_patterns("*.pyc.*", "tmp*")


def code_entries(root: Path = ROOT) -> dict[str, str]:
    """SHA-256 of every file of the code in a folder, by path, but of what was compiled."""
    return {
        path.relative_to(root).as_posix(): file_digest(path)
        for path in sorted(_code_files(root / PACKAGE))
        if COMPILED not in path.parts
    }


def _code_files(package: Path) -> Iterator[Path]:
    """Files of the code that serves; a checkout has rooms that are links to folders beside the package."""
    for at, folders, files in os.walk(package, followlinks=True):
        if Path(at) == package:
            folders[:] = [name for name in folders if name not in NOT_SERVED]
        yield from (Path(at) / name for name in files)


def ignored(folder: str, names: Iterable[str]) -> set[str]:
    """What is not copied into a Bento, as `shutil.copytree` asks."""
    strange = NOT_SERVED if Path(folder) == ROOT / PACKAGE else ()
    return {COMPILED, *strange} & set(names)


def read_code(source: Path, listed: Mapping[str, str]) -> Files:
    """The code of a Bento, read once.

    Args:
        source: the folder that the Bento's service runs in.
        listed: digests by path, as the release's manifest has them.

    Raises:
        IntegrityError: a file is changed, missing or added, a compiled one too; names it.
    """
    _check_names(source, listed)
    contents = {}
    for name, expected in sorted(listed.items()):
        contents[name] = file_bytes(source, name, MAX_CODE_BYTES, _WHOSE)
        _check_code(name, contents[name], expected)
    return Files(_WHOSE, contents)


@contextmanager
def private_source(source: Path, listed: Mapping[str, str]) -> Iterator[Path]:
    """A folder of the checked code alone, to serve from; gone afterwards.

    Raises:
        IntegrityError: as `read_code`; nothing was written.
    """
    code = read_code(source, listed)
    with tempfile.TemporaryDirectory(prefix="sluice-serve-") as name:
        private = Path(name)
        for path, content in code.contents.items():
            (private / path).parent.mkdir(parents=True, exist_ok=True)
            (private / path).write_bytes(content)
        # All or nothing: Numba does not see that what a function calls has changed.
        if code_entries() == dict(listed):
            _carry_compiled(private, listed)
        yield private


def _check_names(source: Path, listed: Mapping[str, str]) -> None:
    there = set(_names(source))
    if extra := sorted(there - set(listed)):
        raise IntegrityError(
            f"{_WHOSE}: {extra[0]!r} is not part of what was packaged; remove it, or package the "
            "release again"
        )
    if missing := sorted(set(listed) - there):
        raise IntegrityError(f"{_WHOSE}: {missing[0]!r} is missing")


def _check_code(name: str, content: bytes, expected: str) -> None:
    if (code := bytes_digest(content)) != expected:
        raise IntegrityError(
            f"{_WHOSE}: {name!r} has the digest {code}, its release says {expected}; remove the "
            "Bento, and package the release again"
        )


def _carry_compiled(private: Path, listed: Mapping[str, str]) -> None:
    """Bring what this installation has compiled, with the times it is keyed by."""
    for name in listed:
        status = (ROOT / name).stat()
        os.utime(private / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    compiled = {
        path.parent for path in _code_files(ROOT / PACKAGE) if path.parent.name == COMPILED
    }
    for folder in sorted(compiled):
        shutil.copytree(folder, private / folder.relative_to(ROOT), ignore=_UNFINISHED)


def _names(source: Path) -> Iterator[str]:
    """Every file's path, and of every folder that is empty or a link; not what lies in the releases."""
    count = 0
    for at, folders, files in os.walk(source):
        here = Path(at)
        if here == source and RELEASES in folders and not (here / RELEASES).is_symlink():
            folders.remove(RELEASES)
        links = [name for name in folders if (here / name).is_symlink()]
        if not folders and not files:
            yield f"{here.relative_to(source).as_posix()}/"
        for name in (*files, *links):
            path, count = here / name, count + 1
            if count > MAX_CODE_FILES:
                raise IntegrityError(f"{_WHOSE}: more than {MAX_CODE_FILES} files")
            if name in files and not stat.S_ISREG(path.lstat().st_mode):
                raise IntegrityError(
                    f"{_WHOSE}: {name!r} is a link or a device, not a plain file"
                )
            yield path.relative_to(source).as_posix()
