"""The bytes of a folder's files, each read once: what is parsed is what was read, not what a path holds by then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import IntegrityError


@dataclass(frozen=True)
class Files:
    """Contents by name; whoever loads from it cannot open a path, so nobody can swap what it loads."""

    source: str
    """Where they came from, for messages."""
    contents: Mapping[str, bytes] = field(repr=False)
    """By path relative to the source, with `/`."""

    @classmethod
    def of(cls, source: "Path | Files", names: Iterable[str] | None = None) -> "Files":
        """The files of a folder, all of them or those of `names` that are there; `Files` as they are."""
        if isinstance(source, Files):
            return source
        paths = (
            sorted(source.rglob("*"))
            if names is None
            else [source / name for name in names]
        )
        contents = {
            path.relative_to(source).as_posix(): path.read_bytes()
            for path in paths
            if path.is_file()
        }
        return cls(str(source), contents)

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            IntegrityError: there is none of that name.
        """
        try:
            return self.contents[name]
        except KeyError as error:
            raise IntegrityError(f"{self.path(name)} is missing") from error

    def path(self, name: str) -> str:
        """How a message calls one of the files."""
        return f"{self.source}/{name}"

    def under(self, folder: str) -> "Files":
        """Those in a folder, by their path relative to it; the bytes are shared."""
        return self.beginning(f"{folder}/", self.path(folder))

    def beginning(self, prefix: str, source: str) -> "Files":
        """Those whose names begin so, by the rest of their names; `source` is of messages."""
        within = {
            name.removeprefix(prefix): content
            for name, content in self.contents.items()
            if name.startswith(prefix)
        }
        return Files(source, within)
