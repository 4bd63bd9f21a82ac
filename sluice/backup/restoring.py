"""Puts a backup into a new home, after every byte was found to be what its manifest says."""

import os
from hashlib import sha256
from pathlib import Path

from sluice.backup.container import Reading, reading
from sluice.backup.manifest import MAX_BYTES, NAME, Entry, Manifest, decoded
from sluice.data.atomic import folder_atomically
from sluice.data.private_files import private_folder
from sluice.errors import IntegrityError, UserError

_CHUNK = 1 << 20


def restore(backup: Path, home: Path) -> Manifest:
    """Make `home` from the backup, whole or not at all; returns what the backup says of itself.

    Raises:
        NotFound: there is no backup.
        UserError: the home is there and is not an empty folder, or the backup is of a newer release.
        IntegrityError: a file of the backup is missing, was added or changed; names it.
    """
    if home.exists():
        if not home.is_dir() or any(home.iterdir()):
            raise UserError(
                f"Cannot restore into {home} because it is not empty; name a --home that does not exist"
            )
        home.rmdir()
    with reading(backup) as source:
        manifest = _manifest(backup, source)
        with folder_atomically(home) as building:
            for entry in manifest.entries:
                _put(source, entry, building, backup)
    return manifest


def _manifest(backup: Path, source: Reading) -> Manifest:
    with source.open(NAME) as file:
        content = file.read(MAX_BYTES)
    manifest = decoded(content, str(backup))
    added = source.names() - {NAME, *(entry.name for entry in manifest.entries)}
    if added:
        raise IntegrityError(
            f"Cannot restore {backup} because {min(added)} is not in its {NAME}; {len(added)} files were "
            "added after it was taken: take them away, or use another backup"
        )
    return manifest


def _put(source: Reading, entry: Entry, home: Path, backup: Path) -> None:
    path = home / entry.name
    private_folder(path.parent)
    digest = sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode & 0o700)
    with source.open(entry.name) as file, os.fdopen(handle, "wb") as copy:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    if digest.hexdigest() != entry.digest:
        raise IntegrityError(
            f"Cannot restore {backup} because its file {entry.name} has the digest "
            f"{digest.hexdigest()[:16]}, not {entry.digest[:16]}: it was changed or damaged; use another "
            "backup"
        )
