"""Whether a release whose bytes were checked is also one that was promoted: its signature."""

from dataclasses import dataclass
from pathlib import Path

from sluice.errors import IntegrityError
from sluice.registry.keys import KeyRing
from sluice.registry.signature import Signed, check_signature, signature_path
from sluice.serving.manifest import MANIFEST_NAME, Manifest
from sluice.serving.refusal import Untrusted


@dataclass(frozen=True)
class Trust:
    """Whose signature a release needs before anything of it is loaded."""

    keys: KeyRing
    signatures: Path
    required: bool = False
    """Refuse what is unsigned even where no key is trusted."""

    def check(self, manifest: Manifest) -> Signed | None:
        """What the signature claims; None where no key was ever trusted and none is required.

        Raises:
            Untrusted: the release is unsigned, or not signed by a key that is trusted now.
        """
        if not self.keys.known():
            if self.required:
                raise Untrusted(
                    f"release {manifest.digest[:12]}: a signature is required, and no key in "
                    f"{self.keys.folder} is trusted"
                )
            return None
        path = signature_path(self.signatures, manifest.digest)
        try:
            return check_signature(
                path, manifest.digest, signed_files(manifest), self.keys.trusted()
            )
        except IntegrityError as error:
            raise Untrusted(str(error)) from error


def signed_files(manifest: Manifest) -> dict[str, str]:
    """SHA-256 of every file of a release by path, as its signature lists them."""
    files = {name: entry.sha256 for name, entry in manifest.files.items()}
    return {**files, MANIFEST_NAME: manifest.digest}
