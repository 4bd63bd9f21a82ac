"""Whose keys count for a reviewer's decisions.

```
<folder>/
├── app/              the key of MLflow's app, which knows who is signed in: it counts for everybody
└── people/NAME/      the keys of one person, which count for that person alone
```

Each is a `KeyRing`, as the one that signs releases. Who promotes reads `trusted` and `revoked.json`
only; trainers and flows need none of it.
"""

import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sluice.data.atomic import write_atomically
from sluice.errors import Refused
from sluice.registry.keys import NAME_DIGITS, KeyRing, PublicKey, SigningKey, read_public
from sluice.registry.people import person


@dataclass(frozen=True)
class Signatory:
    """Who decides, and the key that shows it."""

    name: str
    key: SigningKey
    """The person's own, or that of MLflow's app where the person has signed in."""


class ReviewTrust(Protocol):
    """Whose signatures count."""

    def own(self, reviewer: str) -> tuple[PublicKey, ...]:
        """Of the person's own keys, those that count now."""
        ...

    def app(self) -> tuple[PublicKey, ...]:
        """Of the keys of MLflow's app, those that count now, for everybody."""
        ...


@dataclass(frozen=True)
class ReviewKeys:
    """The keys of one installation, in a folder; it keeps the guarantees of `ReviewTrust`."""

    folder: Path
    with_revoked: bool = False
    """Count keys that were revoked too, as an audit of what was decided before does."""

    def own(self, reviewer: str) -> tuple[PublicKey, ...]:
        return self._counting(self.ring_of(reviewer))

    def app(self) -> tuple[PublicKey, ...]:
        return self._counting(self.app_ring)

    @property
    def app_ring(self) -> KeyRing:
        return KeyRing(self.folder / "app", "a start of MLflow's app")

    def ring_of(self, reviewer: str) -> KeyRing:
        """The keys of one person, under the name as reviews compare names.

        Raises:
            Refused: the name is empty.
        """
        if not person(reviewer):
            raise Refused("a reviewer without a name has no key; name the reviewer")
        # A dot is no letter that quoting changes, and "." and ".." are other folders.
        name = urllib.parse.quote(person(reviewer), safe="").replace(".", "%2E")
        command = f"sluice review keygen --reviewer {reviewer}"
        return KeyRing(self.folder / "people" / name, command)

    def rings(self) -> dict[str, KeyRing]:
        """By person, the keys of everybody who has some."""
        folders = sorted((self.folder / "people").glob("*"))
        return {
            name: self.ring_of(name)
            for name in (urllib.parse.unquote(folder.name) for folder in folders)
        }

    def signatory(self, reviewer: str) -> Signatory:
        """The person with the private key that lies here, made at its first use by the folder's owner.

        Raises:
            Refused: the key lies elsewhere, or is another account's, or somebody else owns the
                folder and has to trust a first one.
        """
        ring = self.ring_of(reviewer)
        if not ring.private.exists() and ring.known():
            raise Refused(
                f"the key of {reviewer!r} is not in {ring.folder}; name the folder where it lies "
                "with --keys"
            )
        if not ring.private.exists() and not self._is_ours():
            raise Refused(
                f"no key of {reviewer!r} is trusted, and another account owns {self.folder}; make one "
                f"with `{ring.command} --keys FOLDER` and let that account run "
                f"`sluice review trust {reviewer} FILE`"
            )
        try:
            return Signatory(reviewer, ring.signing_or_new())
        except PermissionError as error:
            raise Refused(
                f"the key of {reviewer!r} in {ring.folder} is another account's; sign as yourself"
            ) from error

    def trust(self, reviewer: str, public: Path) -> PublicKey:
        """Let signatures of a key count for one person.

        Raises:
            NotFound: there is no such file.
            IntegrityError: it holds no P-256 public key.
        """
        key = read_public(public)
        ring = self.ring_of(reviewer)
        write_atomically(ring.folder / "trusted" / f"{key.id[:NAME_DIGITS]}.pub", key.pem)
        return key

    def _counting(self, ring: KeyRing) -> tuple[PublicKey, ...]:
        return ring.known() if self.with_revoked else ring.trusted()

    def _is_ours(self) -> bool:
        """Whether this account owns the folder, or the nearest one above it that is there."""
        there = next(
            folder for folder in (self.folder, *self.folder.parents) if folder.exists()
        )
        return there.stat().st_uid == os.geteuid()
