"""`ranker.json`: what a folder with a fitted ranker holds."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sluice.data.atomic import write_atomically
from sluice.data.files import Files
from sluice.errors import IntegrityError

FILE = "ranker.json"


class RankerManifest(BaseModel):
    """Family, parameters and feature names; the family's own files lie beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    family: str
    parameters: dict[str, Any]
    names: tuple[str, ...]
    """Of the feature columns, in the order in which they were fitted."""
    counts: dict[str, int] = {}
    """Facts of the fit that a family wants kept, e.g. `requests_dropped`."""

    def write(self, directory: Path) -> None:
        text = self.model_dump_json(indent=2) + "\n"
        write_atomically(directory / FILE, text.encode())

    @classmethod
    def read(cls, files: Files) -> "RankerManifest":
        """Read it back.

        Raises:
            IntegrityError: it is missing, or not what `write` writes.
        """
        try:
            return cls.model_validate_json(files.read(FILE))
        except ValidationError as error:
            raise IntegrityError(
                f"{files.path(FILE)}: not a ranker's manifest: {error}"
            ) from error
