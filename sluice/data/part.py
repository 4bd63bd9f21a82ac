"""Part files: Parquet whose name is the digest of its bytes."""

import hashlib
from pathlib import Path

from sluice.data.atomic import write_atomically
from sluice.errors import IntegrityError

_NAME_LENGTH = 16


def part_name(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:_NAME_LENGTH]}.parquet"


def write_part(folder: Path, content: bytes) -> Path:
    """Write the bytes under their digest; the same bytes are the same file."""
    path = folder / part_name(content)
    if not path.exists():
        write_atomically(path, content)
    return path


def verified_bytes(path: Path) -> bytes:
    """The file's bytes, after they have been found to be what its name says.

    Raises:
        IntegrityError: truncated, changed, or never written by us; names the file.
    """
    content = path.read_bytes()
    if part_name(content) != path.name:
        raise IntegrityError(
            f"{path}: {len(content):,} bytes whose digest is {part_name(content)[:_NAME_LENGTH]}, "
            "not the file's name; it was truncated or changed. Remove it and ingest again."
        )
    return content
