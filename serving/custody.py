"""Checks on a release folder's bytes, none of which parses a file it has not yet trusted.

In this order: size caps, then an allow-list of names, then digests. The first thing that is wrong is
named in an `IntegrityError` and nothing after it is looked at. `serving.trust` comes next.
"""

import hashlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from serving.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest
from sluice.data.digest import file_digest
from sluice.errors import IntegrityError, NotFound

MAX_FILES = 64
MAX_FILE_BYTES = 2 << 30
MAX_TOTAL_BYTES = 4 << 30
MAX_MANIFEST_BYTES = 1 << 20

_FOLDERS = frozenset({"model", "state"})
_ALLOWED = re.compile(
    r"manifest\.json|features\.json|arrangement\.json|golden\.json"
    r"|model/[a-z][a-z0-9_]*\.(json|txt|npz|npy|safetensors)"
    r"|state/[a-z][a-z0-9_]*\.(json|npz|npy)"
)
"""Names are lower case throughout, so none can collide with another on a caseless file system."""


def check_bytes(folder: Path, digest: str) -> Manifest:
    """The manifest of a release whose every byte is what `digest` says.

    Raises:
        NotFound: no such folder.
        IntegrityError: a file is too big, not allowed, missing, extra or changed; names the file.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise NotFound(f"no release folder {folder}; build one with `sluice run package`")
    sizes = _sizes(folder)
    _check_sizes(sizes)
    _check_names(sizes)
    content = _checked_manifest(folder, digest)
    manifest = parse_manifest(content)
    _check_listed(sizes, manifest)
    for name, entry in sorted(manifest.files.items()):
        _check_file(folder, name, entry)
    return manifest


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
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise IntegrityError(f"release {folder.name}: {MANIFEST_NAME!r} is missing")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise IntegrityError(
            f"{MANIFEST_NAME!r} has the digest {found}, the release is {digest}"
        )
    return content


def _check_listed(sizes: dict[str, int], manifest: Manifest) -> None:
    there, listed = set(sizes) - {MANIFEST_NAME}, set(manifest.files)
    if extra := sorted(there - listed):
        raise IntegrityError(f"{extra[0]!r} is not listed in {MANIFEST_NAME}")
    if missing := sorted(listed - there):
        raise IntegrityError(f"{missing[0]!r} is listed in {MANIFEST_NAME} and missing")


def _check_file(folder: Path, name: str, entry: FileEntry) -> None:
    found = file_digest(folder / name)
    if found != entry.sha256:
        raise IntegrityError(
            f"release {folder.name}: {name!r} has the digest {found}, {MANIFEST_NAME} says "
            f"{entry.sha256}; put it back from a copy, or serve another release"
        )
