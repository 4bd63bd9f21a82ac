"""Signs what is promoted, before any server is pointed to it."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice.data.atomic import write_atomically
from sluice.data.commit import Commit
from sluice.errors import IntegrityError, NotFound, Refused
from sluice.registry.approvals import approvals
from sluice.registry.baseline import ensure_baseline, served_as_baseline
from sluice.registry.canary_pointer import CanaryReceiver
from sluice.registry.keys import KeyRing
from sluice.registry.moves import version_of
from sluice.registry.pointer import PointerReceiver
from sluice.registry.signature import (
    Files,
    check_signature,
    signature_path,
    signed_statement,
)
from sluice.registry.waivers import Waiver, waivers_of
from sluice.store.port import Store
from sluice.store.records import LedgerRow, OutboxRow, Step, Verdict, Version

MANIFEST = "manifest.json"
COMMIT_STEP = "commit"
"""The step of training that remembers which commit the code was of, by the version's run."""


_UNJUDGED = {"gates": [], "waivers": [], "reviews": []}
"""Nobody judges a baseline: it is what others are compared with."""


@dataclass(frozen=True)
class Signer:
    """Keeps a valid signature beside every release that becomes champion."""

    store: Store
    releases: Path
    signatures: Path
    keys: KeyRing
    at: datetime

    def ensure_signed(self, surface: str, version: int, release: str) -> None:
        """Sign a release, unless a trusted key has signed it.

        The first promotion makes the key. After a rotation or a revocation the key of then signs.

        Raises:
            NotFound: the release lies elsewhere.
            IntegrityError: its manifest is not what its digest says.
            Refused: nobody approved it, and it is no baseline that serves.
        """
        folder = self.releases / release
        manifest, files = _listed(folder, release)
        path = signature_path(self.signatures, release)
        if self._is_signed(path, release, files):
            return
        claims = {
            "release": release,
            "provenance": manifest["provenance"],
            **self._decisions(surface, version, folder),
            "signed_at": self.at.isoformat(),
        }
        key = self.keys.signing_or_new()
        write_atomically(path, signed_statement(release, files, claims, key))

    def _decisions(self, surface: str, version: int, folder: Path) -> dict[str, Any]:
        if row := served_as_baseline(self.store, surface, version):
            ensure_baseline(self.store, version_of(self.store, surface, version), folder)
            return {**_UNJUDGED, "baseline": _decided("by", row)}
        return _decisions(self.store, surface, version, folder.name)

    def _is_signed(self, path: Path, release: str, files: Files) -> bool:
        if not path.exists():
            return False
        try:
            check_signature(path, release, files, self.keys.trusted())
        except IntegrityError:
            return False  # by a revoked key, or damaged: it is made again from the store
        return True


@dataclass(frozen=True)
class SignedPointer:
    """Hears of moves of the champion, or of the canary: signs the release, and then a pointer to it."""

    signer: Signer
    pointer: PointerReceiver | CanaryReceiver
    name: str = "serving pointer"

    def deliver(self, row: OutboxRow) -> None:
        """Sign and point; whoever is killed in between does both again."""
        self.signer.ensure_signed(row.surface, row.version, row.release)
        replace(self.pointer, keys=self.signer.keys).deliver(row)


def _listed(folder: Path, release: str) -> tuple[dict[str, Any], Files]:
    """The manifest of a release and the digest of each of its files, the manifest's included."""
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFound(f"no release {release} in {folder.parent}, so it cannot be signed")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != release:
        raise IntegrityError(f"{path}: is not the manifest of release {release}")
    manifest = json.loads(content)
    files = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    return manifest, {**files, MANIFEST: release}


def _decisions(store: Store, surface: str, version: int, release: str) -> dict[str, Any]:
    """Whose code it is, what the gates said, who let it on past one, who approved: as the store has it."""
    registered = version_of(store, surface, version)
    verdicts = store.find(Verdict, surface=surface, version=version)
    approved = approvals(store, registered, release)
    if not approved:
        raise Refused(
            f"release {release[:12]} of {surface} is not approved; it is not signed"
        )
    return {
        "commit": asdict(_trained_by(store, registered)),
        "gates": [
            {
                "gate": verdict.gate,
                "outcome": verdict.outcome.value,
                "evidence": verdict.evidence,
            }
            for verdict in verdicts
        ],
        "waivers": [_waiver(waiver) for waiver in waivers_of(store, registered)],
        "reviews": [_decided("reviewer", row) for row in approved],
    }


def _decided(who: str, row: LedgerRow) -> dict[str, Any]:
    """A row of the ledger, as a signature names it."""
    return {
        who: row.actor,
        "at": row.at.isoformat(),
        "ledger": row.sequence,
        "hash": row.hash,
    }


def _trained_by(store: Store, version: Version) -> Commit:
    """The commit of the code that trained it, which need not be that of the code that signs."""
    steps = store.find(
        Step, surface=version.surface, step=COMMIT_STEP, snapshot=version.snapshot
    )
    noted = [step.outcome["commit"] for step in steps if step.outcome["run"] == version.run]
    return Commit(**noted[0]) if noted else Commit(None, "not noted when it was trained")


def _waiver(waiver: Waiver) -> dict[str, str]:
    """Who let it on past a gate; `terms` is the document that the ledger's row names."""
    return {
        "gate": waiver.gate,
        "by": waiver.actor,
        "reason": waiver.reason,
        "until": waiver.until.isoformat(),
        "terms": waiver.document,
    }
