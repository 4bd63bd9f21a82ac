"""Where a server learns which release to serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sluice.errors import ConfigError, NotFound
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import read_pointer


@dataclass(frozen=True)
class Assignment:
    """The release that ought to be served."""

    folder: Path
    digest: str
    epoch: int | None = None
    """Of the pointer; None for a server bound to one release."""
    share: float = 1.0
    """Of the people whom it serves."""


class Source(Protocol):
    """Names the release to serve; cheap enough to be asked every second.

    It may have to wait for a file system, so whoever asks from an event loop asks by
    `sluice.serving.bounded`.
    """

    def changed(self) -> bool:
        """Whether `assignment` may differ from what it last returned."""
        ...

    def assignment(self) -> Assignment | None:
        """The release to serve now; None where none ought to be.

        Raises:
            NotFound: one ought to be, and is not named yet.
            IntegrityError: what names it cannot be read.
        """
        ...


@dataclass(frozen=True)
class FixedSource:
    """One release for the server's whole life."""

    folder: Path
    digest: str

    def changed(self) -> bool:
        return False

    def assignment(self) -> Assignment:
        return Assignment(self.folder, self.digest)


class PointerSource:
    """Follows a surface's pointer file, which the registry moves on every promotion."""

    def __init__(
        self, pointers: Path, surface: str, releases: Path, keys: KeyRing | None = None
    ) -> None:
        """Nothing is read yet.

        Args:
            pointers: folder of the pointer files.
            surface: whose pointer is followed.
            releases: holds release folders named by digest.
            keys: whose signature the pointer needs, where any was ever trusted; None for none.
        """
        self._pointers, self._surface, self._releases = pointers, surface, releases
        self._keys = keys
        self._seen: tuple[int, int] | None = None

    def changed(self) -> bool:
        return self._stamp() != self._seen

    def assignment(self) -> Assignment:
        self._seen = self._stamp()
        pointer = read_pointer(self._pointers, self._surface, self._keys)
        if pointer is None:
            raise NotFound(
                f"surface {self._surface} has no champion yet; promote a release first"
            )
        return Assignment(self._releases / pointer.release, pointer.release, pointer.epoch)

    def _stamp(self) -> tuple[int, int] | None:
        return file_stamp(self._pointers / f"{self._surface}.json")


def file_stamp(path: Path) -> tuple[int, int] | None:
    """What differs once a file was replaced; None where there is none that could be read."""
    # The inode too: pointers are replaced whole, maybe twice within the clock's resolution.
    try:
        status = path.lstat()
    except OSError:
        return None  # `assignment` says why
    return status.st_mtime_ns, status.st_ino


def source_from(
    environ: Mapping[str, str],
    pointers: Path,
    releases: Path,
    packaged: Path,
    keys: KeyRing | None = None,
) -> Source:
    """The source that the environment asks for.

    `SLUICE_RELEASE` names a release folder, `SLUICE_RELEASE_DIGEST` its digest where that is not
    the folder's name. Otherwise `SLUICE_SURFACE` names the pointer to follow. Otherwise the one
    release in `packaged` (the Bento's own) is served. A pointer needs the signature of one of `keys`.

    Raises:
        ConfigError: nothing names a release.
    """
    if folder := environ.get("SLUICE_RELEASE"):
        return FixedSource(
            Path(folder), environ.get("SLUICE_RELEASE_DIGEST", Path(folder).name)
        )
    if surface := environ.get("SLUICE_SURFACE"):
        return PointerSource(pointers, surface, releases, keys)
    own = sorted(packaged.iterdir()) if packaged.is_dir() else []
    if len(own) != 1:
        raise ConfigError(
            f"{len(own)} releases are packaged here; set SLUICE_RELEASE to a release folder, "
            "or SLUICE_SURFACE to follow the champion"
        )
    return FixedSource(own[0], own[0].name)
