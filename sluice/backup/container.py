"""Where a backup lies: a folder, or one `.tar` file. Both are written whole or not at all."""

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol

from sluice.data.atomic import file_atomically, folder_atomically
from sluice.data.private_files import private_folder
from sluice.errors import IntegrityError, NotFound, UserError

TAR = ".tar"


class Writing(Protocol):
    """A backup that is being written."""

    def add(self, name: str, content: IO[bytes], size: int, mode: int) -> None:
        """Add a file of exactly `size` bytes, read from `content`."""
        ...


class Reading(Protocol):
    """A backup that is read."""

    def names(self) -> frozenset[str]:
        """Of all its files."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """The file's bytes.

        Raises:
            IntegrityError: there is no such file.
        """
        ...


class _FolderWriting:
    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, content: IO[bytes], size: int, mode: int) -> None:
        path = self._root / name
        private_folder(path.parent)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb"
        ) as file:
            shutil.copyfileobj(content, file)
            if file.tell() != size:
                raise OSError(
                    f"{name} became shorter while it was copied; take the backup again"
                )


class _TarWriting:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def add(self, name: str, content: IO[bytes], size: int, mode: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, mode
        self._archive.addfile(member, content)


class _FolderReading:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> frozenset[str]:
        files = (path for path in self._root.rglob("*") if not path.is_dir())
        return frozenset(path.relative_to(self._root).as_posix() for path in files)

    def open(self, name: str) -> IO[bytes]:
        path = self._root / name
        if not path.is_file() or path.is_symlink():
            raise _missing(self._root, name)
        return path.open("rb")


class _TarReading:
    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path, self._archive = path, archive
        self._members = {member.name: member for member in archive.getmembers()}

    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        content = self._archive.extractfile(member) if member and member.isfile() else None
        if content is None:
            raise _missing(self._path, name)
        return content


def _missing(backup: Path, name: str) -> IntegrityError:
    return IntegrityError(
        f"Cannot restore {backup} because its file {name} is missing; use another backup"
    )


@contextmanager
def writing(target: Path) -> Iterator[Writing]:
    """A backup that appears at `target` when the block ends, and not at all when it raises.

    Raises:
        UserError: something is there already.
    """
    if target.exists():
        raise UserError(
            f"Cannot write a backup to {target} because it exists; name a new folder or a new {TAR} file"
        )
    if target.suffix != TAR:
        with folder_atomically(target) as building:
            yield _FolderWriting(building)
        return
    with (
        file_atomically(target) as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        yield _TarWriting(archive)


@contextmanager
def reading(backup: Path) -> Iterator[Reading]:
    """The backup at a path, a folder or a tar file.

    Raises:
        NotFound: nothing is there.
        IntegrityError: the file is no tar file, or was cut.
    """
    if backup.is_dir():
        yield _FolderReading(backup)
        return
    if not (backup.exists() and stat.S_ISREG(backup.stat().st_mode)):
        raise NotFound(
            f"Cannot restore {backup} because there is no such folder or {TAR} file"
        )
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(backup, mode="r:"))
            read = _TarReading(backup, archive)
        except tarfile.TarError as error:
            raise IntegrityError(
                f"Cannot restore {backup} because it is no whole {TAR} file ({error}); use another backup"
            ) from error
        yield read
