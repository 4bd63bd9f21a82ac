"""Where a server learns which release serves a share of a surface's people beside the champion."""

from pathlib import Path

from sluice.registry.canary_pointer import canary_path, read_canary_pointer
from sluice.registry.keys import KeyRing
from sluice.serving.source import Assignment, file_stamp


class CanarySource:
    """Follows a surface's canary pointer; names nothing where no canary runs."""

    def __init__(
        self, pointers: Path, surface: str, releases: Path, keys: KeyRing | None
    ) -> None:
        """Nothing is read yet; see `PointerSource` for what each is."""
        self._pointers, self._surface, self._releases = pointers, surface, releases
        self._keys = keys
        self._seen: tuple[int, int] | None = None

    def changed(self) -> bool:
        return self._stamp() != self._seen

    def assignment(self) -> Assignment | None:
        self._seen = self._stamp()
        pointer = read_canary_pointer(self._pointers, self._surface, self._keys)
        if pointer is None or not pointer.share:
            return None
        folder = self._releases / pointer.release
        return Assignment(folder, pointer.release, pointer.epoch, pointer.share)

    def _stamp(self) -> tuple[int, int] | None:
        return file_stamp(canary_path(self._pointers, self._surface))
