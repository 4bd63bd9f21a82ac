"""The keys that sign releases and ledger heads.

```
<keys>/
├── signing.key    private: P-256, PKCS#8, for its owner only
├── trusted/*.pub  public: a signature by any of them counts, by several during a rotation
└── revoked.json   key id -> when and why it no longer counts
```

A server needs only `trusted` and `revoked.json`. P-256 and not Ed25519, because the OpenSSF
verifier, which must be able to check a release without us, knows only the NIST curves.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.data.atomic import sync_folder, write_atomically
from sluice.errors import ConfigError, IntegrityError, NotFound, Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

NAME_DIGITS = 16
"""Of a key's id, that name its file."""
_OTHERS = 0o077


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with."""

    pem: bytes
    """SubjectPublicKeyInfo."""

    @property
    def id(self) -> str:
        """SHA-256 of the PEM text, which is the hint in an OpenSSF signature."""
        return hashlib.sha256(self.pem).hexdigest()

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, over exactly that content."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key.verify(signature, content, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _key(self) -> "EllipticCurvePublicKey":
        return _parsed(self.pem, "the public key")


class SigningKey:
    """The private key; only whoever promotes needs it."""

    def __init__(self, key: "EllipticCurvePrivateKey") -> None:
        self._key = key
        self.public = PublicKey(_public_pem(key.public_key()))

    def sign(self, content: bytes) -> bytes:
        """An ECDSA signature in DER, over the content's SHA-256; of one content always the same."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._key.sign(content, ECDSA(SHA256(), deterministic_signing=True))


@dataclass(frozen=True)
class Revocation:
    """A key whose signatures no longer count."""

    key: str
    at: str
    """When it was revoked, ISO 8601."""
    reason: str


@dataclass(frozen=True)
class KeyRing:
    """The keys in one folder; each question reads them anew, so a revocation counts at once."""

    folder: Path

    command: str = "sluice release keygen"
    """Makes the private key, for messages."""

    @property
    def private(self) -> Path:
        return self.folder / "signing.key"

    def known(self) -> tuple[PublicKey, ...]:
        """Every public key that is or was trusted.

        Raises:
            IntegrityError: a file is no such key.
        """
        return tuple(
            read_public(path) for path in sorted((self.folder / "trusted").glob("*.pub"))
        )

    def trusted(self) -> tuple[PublicKey, ...]:
        """The keys whose signatures count now."""
        revoked = self.revoked()
        return tuple(key for key in self.known() if key.id not in revoked)

    def revoked(self) -> dict[str, Revocation]:
        """Revocations by key id.

        Raises:
            IntegrityError: the list cannot be read; then no key may count.
        """
        path = self.folder / "revoked.json"
        if not path.exists():
            return {}
        try:
            rows = [Revocation(**row) for row in json.loads(path.read_bytes())]
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{path}: is no list of revoked keys: {error}") from error
        return {row.key: row for row in rows}

    def signing(self) -> SigningKey:
        """The private key, where there is one.

        Raises:
            NotFound: there is none.
            ConfigError: others may read it.
            IntegrityError: it is no P-256 key, or revoked.
        """
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if not self.private.exists():
            raise NotFound(f"no key in {self.folder}; `{self.command}` makes one")
        if self.private.stat().st_mode & _OTHERS:
            raise ConfigError(
                f"{self.private}: others may read it; chmod 600, or rotate it"
            )
        try:
            loaded = load_pem_private_key(self.private.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{self.private}: is no private key: {error}") from error
        if not isinstance(loaded, EllipticCurvePrivateKey):
            raise IntegrityError(f"{self.private}: is no key of the curve P-256")
        key = SigningKey(loaded)
        if key.public.id in self.revoked():
            raise IntegrityError(
                f"{self.private}: is revoked; `{self.command} --rotate` makes another"
            )
        return key

    def signing_or_new(self) -> SigningKey:
        """The private key, made now where there is none."""
        if not self.private.exists():
            self._make(replace=False)
        return self.signing()

    def generate(self, *, rotate: bool = False) -> PublicKey:
        """Make a key and trust it; one that is rotated out stays trusted until it is revoked.

        Raises:
            Refused: there is a key already, and `rotate` is not asked for.
        """
        if self.private.exists() and not rotate:
            raise Refused(
                f"{self.private} is there already; with --rotate a new key takes its place"
            )
        self._make(replace=rotate)
        return self.signing().public

    def revoke(self, key: str, *, at: datetime, reason: str) -> Revocation:
        """Let no signature of a key count any longer, whatever time it claims.

        Args:
            key: its id, or the first digits of it.
            at: now.
            reason: why.

        Raises:
            NotFound: no one key begins so.
        """
        matching = [
            candidate.id
            for candidate in self.known()
            if key and candidate.id.startswith(key)
        ]
        if len(matching) != 1:
            raise NotFound(f"{len(matching)} keys in {self.folder} begin with {key!r}")
        revoked = self.revoked()
        if matching[0] not in revoked:
            revoked[matching[0]] = Revocation(matching[0], at.isoformat(), reason)
            rows = [asdict(row) for row in revoked.values()]
            content = json.dumps(rows, indent=2) + "\n"
            write_atomically(self.folder / "revoked.json", content.encode())
        return revoked[matching[0]]

    def _make(self, *, replace: bool) -> None:
        """Trust first, then sign: a key that signs and is not trusted would stop serving."""
        from cryptography.hazmat.primitives.asymmetric.ec import (
            SECP256R1,
            generate_private_key,
        )

        key = generate_private_key(SECP256R1())
        public = PublicKey(_public_pem(key.public_key()))
        trusted = self.folder / "trusted" / f"{public.id[:NAME_DIGITS]}.pub"
        write_atomically(trusted, public.pem)
        if replace:
            write_atomically(self.private, _private_pem(key))
        elif not _write_new(self.private, _private_pem(key)):
            trusted.unlink()  # another process was first, with a key of its own


def read_public(path: Path) -> PublicKey:
    """The public key in a PEM file.

    Raises:
        NotFound: there is no such file.
        IntegrityError: it holds something else.
    """
    if not path.is_file():
        raise NotFound(f"no public key {path}")
    return PublicKey(_public_pem(_parsed(path.read_bytes(), str(path))))


def _parsed(pem: bytes, name: str) -> "EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import (
        SECP256R1,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IntegrityError(f"{name}: is no public key: {error}") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise IntegrityError(f"{name}: is no key of the curve P-256")
    return key


def _public_pem(key: "EllipticCurvePublicKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(path: Path, content: bytes) -> bool:
    """Write a file of mode 0600 that is not there yet; False where another was first."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    sync_folder(path.parent)
    return True
