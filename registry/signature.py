"""A release's signature: an in-toto statement in the OpenSSF model-signing format.

The statement lists every file with its digest, as `model_signing verify key` wants it, and claims
under `sluice` what OpenSSF's format has no place for: where the release comes from, what the gates
said and who approved it. OpenSSF verifiers ignore that part; nobody can change it unnoticed.

https://in-toto.io/Statement/v1, https://github.com/sigstore/model-transparency
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.data.digest import canonical_json
from sluice.errors import IntegrityError
from sluice.registry.bundle import opened, sealed
from sluice.registry.keys import PublicKey, SigningKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
MAX_BYTES = 1 << 20

Files = Mapping[str, str]
"""SHA-256 of every file of a release, the manifest included, by path."""


@dataclass(frozen=True)
class Signed:
    """What a valid signature says."""

    release: str
    key: str
    """Id of the key that signed."""
    claims: dict[str, Any]


def signature_path(signatures: Path, release: str) -> Path:
    """Beside the releases, for the approval comes after a release's bytes are fixed."""
    return signatures / f"{release}.json"


def statement(release: str, files: Files, claims: Mapping[str, Any]) -> dict[str, Any]:
    """The in-toto statement about a release.

    The subject's digest is, by OpenSSF's rule, the SHA-256 over the files' digests in their order.
    """
    names = sorted(files)
    root = hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in names))
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": release, "digest": {"sha256": root.hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": files[name]}
                for name in names
            ],
            "sluice": dict(claims),
        },
    }


def signed_statement(
    release: str, files: Files, claims: Mapping[str, Any], key: SigningKey
) -> bytes:
    """The bundle that a signature file holds."""
    return sealed(PAYLOAD_TYPE, canonical_json(statement(release, files, claims)), key)


def check_signature(
    path: Path, release: str, files: Files, keys: Sequence[PublicKey]
) -> Signed:
    """What the signature file says of the release, once it is known to be signed.

    Args:
        path: of the signature.
        release: digest that it must be about.
        files: of the release, whose bytes were checked.
        keys: whose signatures count.

    Raises:
        IntegrityError: there is none, or it is of another release, of other files, of no trusted
            key, or altered.
    """
    name = f"signature of release {release[:12]}"
    if not path.is_file():
        raise IntegrityError(
            f"{name}: there is none at {path}; only what is promoted is signed"
        )
    if path.stat().st_size > MAX_BYTES:
        raise IntegrityError(f"{name}: has more than {MAX_BYTES} bytes")
    payload, key = opened(path.read_bytes(), PAYLOAD_TYPE, keys, name)
    try:
        document = json.loads(payload)
        claims = document["predicate"]["sluice"]
        expected = statement(release, files, claims)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{name}: is signed, but no statement about a release"
        ) from error
    if document != expected:
        raise IntegrityError(f"{name}: is about another release, or about other files")
    return Signed(release, key.id, claims)
