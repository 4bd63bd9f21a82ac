"""What a release says of itself: where it comes from and the digest of every other file in it.

The release's digest is the SHA-256 of `manifest.json`, which is written as canonical JSON: so the
manifest can be checked before it is parsed, and everything else is checked through it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.data.digest import canonical_json, json_digest
from sluice.errors import IntegrityError

FORMAT = 3
MANIFEST_NAME = "manifest.json"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Provenance(_Strict):
    """Where a release comes from; the same provenance and bytes give the same release."""

    surface: str
    version: int = Field(ge=1)
    family: str
    snapshot: Digest
    until: int = Field(ge=0)
    """µs since the epoch: end of the snapshot. The feature state holds what was received before it."""
    code: str
    """Digest of the code that trained it."""
    spec: Digest
    """Digest of the surface declaration it was trained under."""
    lock: str
    """Digest of the distributions installed where it was packaged."""
    evidence: tuple[Digest, ...] = Field(strict=False)
    """Documents the gates relied on."""


class FileEntry(_Strict):
    """One file of the release."""

    sha256: Digest
    bytes: int = Field(ge=0)


class Manifest(_Strict):
    """The content of `manifest.json`."""

    format: Literal[3] = FORMAT
    provenance: Provenance
    features: tuple[str, ...] = Field(strict=False)
    """Names of the feature columns, in the order the ranker was fitted on."""
    files: dict[str, FileEntry]
    """By path relative to the release, with `/`."""
    service: dict[str, Digest]
    """Digest of every code file that its Bento serves it with, by path relative to the Bento's source."""

    def encoded(self) -> bytes:
        """The bytes of `manifest.json`."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """Digest of the release."""
        return json_digest(self.model_dump(mode="json"))


def parse_manifest(content: bytes) -> Manifest:
    """Read the bytes of a `manifest.json` whose digest has been checked.

    Raises:
        IntegrityError: written by another format, or not by `Manifest.encoded` at all.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        text = "; ".join(
            f"{_path(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False)[:3]
        )
        raise IntegrityError(
            f"{MANIFEST_NAME} is not of format {FORMAT}: {text}"
        ) from error


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "(file)"
