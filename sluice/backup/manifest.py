"""What a backup says of itself: its moment, and the digest of every file."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sluice.data.digest import bytes_digest, canonical_json
from sluice.errors import IntegrityError, UserError

NAME = "manifest.json"
FORMAT = 1
MAX_BYTES = 1 << 30
"""Of a manifest that is read; one of a million files has a fifth of that."""


@dataclass(frozen=True)
class Entry:
    """One file of a backup."""

    name: str
    """Path below the home, with `/`."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256, hex."""
    mode: int
    """What its owner may do with it; nobody else may do anything."""


@dataclass(frozen=True)
class Manifest:
    """All that a restore compares a backup with."""

    moment: datetime
    """Up to when everything that was decided is in the copy; what came later may be missing."""
    ledger: str | None
    """SEQUENCE:HASH of the newest ledger row; None where nothing was decided yet."""
    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries)

    def encoded(self) -> bytes:
        """As it lies in the backup; the same manifest gives the same bytes."""
        return canonical_json(
            {
                "format": FORMAT,
                "moment": self.moment.isoformat(),
                "ledger": self.ledger,
                "files": [asdict(entry) for entry in self.entries],
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the encoded manifest: whoever notes it knows the whole backup again."""
        return bytes_digest(self.encoded())


def decoded(content: bytes, source: str) -> Manifest:
    """The manifest in a backup.

    Args:
        content: of its file.
        source: the backup, for messages.

    Raises:
        UserError: it is of a newer release.
        IntegrityError: it is no manifest, or names a file outside the home.
    """
    try:
        body: dict[str, Any] = json.loads(content)
        if body["format"] != FORMAT:
            raise UserError(
                f"Cannot restore {source} because its format is {body['format']} and this release "
                f"reads {FORMAT}; restore it with the release of Sluice that took it"
            )
        entries = tuple(Entry(**row) for row in body["files"])
        manifest = Manifest(datetime.fromisoformat(body["moment"]), body["ledger"], entries)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"Cannot restore {source} because its {NAME} is damaged ({error!r}); take another backup"
        ) from error
    for entry in entries:
        if not _lies_below(entry.name):
            raise IntegrityError(
                f"Cannot restore {source} because it names {entry.name!r}, outside the home; it was "
                "changed, or is no backup"
            )
    return manifest


def _lies_below(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        name == str(path)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\0" not in name
    )
