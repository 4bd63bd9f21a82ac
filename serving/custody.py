"""Checks on a release folder's bytes, none of which parses a file it has not yet trusted.

In this order: size caps, then an allow-list of names, then digests. The first thing that is wrong is
named in an `IntegrityError` and nothing after it is looked at. `sluice.serving.trust` comes next.

Every file is opened once, and what was hashed is handed on: no path is asked again, for between two
looks at it anybody who can write the folder may put another file there.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice.data.digest import bytes_digest, file_digest
from sluice.data.files import Files
from sluice.errors import IntegrityError, NotFound
from sluice.serving.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest

MAX_FILES = 64
MAX_FILE_BYTES = 2 << 30
MAX_TOTAL_BYTES = 4 << 30
MAX_MANIFEST_BYTES = 1 << 20

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDERS = frozenset({"model", "state"})
_ALLOWED = re.compile(
    r"manifest\.json|features\.json|arrangement\.json|golden\.json"
    r"|model/[a-z][a-z0-9_]*\.(json|txt|npz|npy|safetensors)"
    r"|state/[a-z][a-z0-9_]*\.(json|npz|npy)"
)
"""Names are lower case throughout, so none can collide with another on a caseless file system."""


@dataclass(frozen=True)
class ReleaseBytes:
    """A release whose every byte is what its digest says."""

    manifest: Manifest
    files: Files
    """All of it, as it was hashed."""


def read_release(folder: Path, digest: str) -> ReleaseBytes:
    """Read a release once; what is loaded must come from what this returns.

    Raises:
        NotFound: no such folder.
        IntegrityError: a file is too big, not allowed, missing, extra or changed; names the file.
    """
    manifest, content = _listed(folder, digest)
    contents = {MANIFEST_NAME: content, **dict(_verified(folder, manifest))}
    return ReleaseBytes(manifest, Files(f"release {digest[:12]}", contents))


def check_bytes(folder: Path, digest: str) -> Manifest:
    """The manifest of a release that is whole, for who loads nothing of it; as `read_release`.

    Raises:
        NotFound: no such folder.
        IntegrityError: a file is too big, not allowed, missing, extra or changed; names the file.
    """
    manifest, _ = _listed(folder, digest)
    for _ in _verified(folder, manifest):
        pass  # and each is let go of before the next is read
    return manifest


def _listed(folder: Path, digest: str) -> tuple[Manifest, bytes]:
    """The manifest, parsed and as it stands, of a folder that holds just what it lists."""
    if not folder.is_dir() or folder.is_symlink():
        raise NotFound(f"no release folder {folder}; build one with `sluice run package`")
    sizes = _sizes(folder)
    _check_sizes(sizes)
    _check_names(sizes)
    content = _checked_manifest(folder, digest)
    manifest = parse_manifest(content)
    _check_listed(sizes, manifest)
    return manifest, content


def _verified(folder: Path, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """Every other file with its bytes, one at a time."""
    for name, entry in sorted(manifest.files.items()):
        content = file_bytes(folder, name, entry.bytes, f"release {folder.name}")
        _check_file(folder, name, entry, content)
        yield name, content


def file_entries(folder: Path) -> dict[str, FileEntry]:
    """Digest and size of every file of a release being built, but the manifest.

    Raises:
        IntegrityError: a file that `check_bytes` would refuse.
    """
    sizes = _sizes(folder)
    _check_sizes(sizes)
    _check_names(sizes)
    return {
        name: FileEntry(sha256=file_digest(folder / name), bytes=size)
        for name, size in sizes.items()
        if name != MANIFEST_NAME
    }


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file, by relative path; refuses all that is neither a file nor our folder."""
    sizes: dict[str, int] = {}
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise IntegrityError(
                f"release {folder.name}: {name!r} is a link or a device, not a plain file"
            )
        if status.st_nlink != 1:
            raise IntegrityError(
                f"release {folder.name}: {name!r} has a second name (hard link)"
            )
        sizes[name] = status.st_size
        if len(sizes) > MAX_FILES:
            raise IntegrityError(f"release {folder.name}: more than {MAX_FILES} files")
    return sizes


def _walk(folder: Path) -> Iterator[Path]:
    """Everything in the folder, entering only the two folders that a release has."""
    for path in folder.iterdir():
        if path.name in _FOLDERS and path.is_dir() and not path.is_symlink():
            yield from path.iterdir()
        else:
            yield path


def _check_sizes(sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        cap = MAX_MANIFEST_BYTES if name == MANIFEST_NAME else MAX_FILE_BYTES
        if size > cap:
            raise IntegrityError(f"{name!r} has {size} bytes, the cap is {cap}")
    if (total := sum(sizes.values())) > MAX_TOTAL_BYTES:
        raise IntegrityError(f"the release has {total} bytes, the cap is {MAX_TOTAL_BYTES}")


def _check_names(sizes: dict[str, int]) -> None:
    for name in sizes:
        if not _ALLOWED.fullmatch(name):
            raise IntegrityError(f"{name!r} is not a file that a release may hold")


def _checked_manifest(folder: Path, digest: str) -> bytes:
    content = file_bytes(
        folder, MANIFEST_NAME, MAX_MANIFEST_BYTES, f"release {folder.name}"
    )
    if (checked_manifest := bytes_digest(content)) != digest:
        raise IntegrityError(
            f"{MANIFEST_NAME!r} has the digest {checked_manifest}, the release is {digest}"
        )
    return content


def _check_listed(sizes: dict[str, int], manifest: Manifest) -> None:
    there, listed = set(sizes) - {MANIFEST_NAME}, set(manifest.files)
    if extra := sorted(there - listed):
        raise IntegrityError(f"{extra[0]!r} is not listed in {MANIFEST_NAME}")
    if missing := sorted(listed - there):
        raise IntegrityError(f"{missing[0]!r} is listed in {MANIFEST_NAME} and missing")


def file_bytes(folder: Path, name: str, most: int, whose: str) -> bytes:
    """The bytes of one file, one more than `most` at most, through the handle that it is checked by.

    Raises:
        IntegrityError: it is missing, or no plain file with one name; says whose.
    """
    try:
        handle = _opened(folder, name)
    except FileNotFoundError as error:
        raise IntegrityError(f"{whose}: {name!r} is missing") from error
    except OSError as error:
        raise IntegrityError(
            f"{whose}: {name!r} cannot be opened: {error.strerror}"
        ) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise IntegrityError(
                f"{whose}: {name!r} is a link or a device, not a plain file"
            )
        return file.read(most + 1)


def _opened(folder: Path, name: str) -> int:
    """A handle to a file that no link leads to; never waits for who writes into a FIFO."""
    *folders, last = name.split("/")
    at = os.open(folder, _FLAGS | os.O_DIRECTORY)
    try:
        for step in folders:
            below = os.open(step, _FLAGS | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        return os.open(last, _FLAGS, dir_fd=at)
    finally:
        os.close(at)


def _check_file(folder: Path, name: str, entry: FileEntry, content: bytes) -> None:
    file = bytes_digest(content)
    if file != entry.sha256:
        raise IntegrityError(
            f"release {folder.name}: {name!r} has the digest {file}, {MANIFEST_NAME} says "
            f"{entry.sha256}; put it back from a copy, or serve another release"
        )
