"""Whether releases, their signatures and their Bentos are still what the store says was decided."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.errors import IntegrityError, SluiceError
from sluice.registry.champions import champion_of
from sluice.registry.keys import KeyRing
from sluice.registry.signature import Signed, check_signature, signature_path
from sluice.serving.custody import check_bytes
from sluice.serving.integrity import ensure_intact
from sluice.serving.trust import signed_files
from sluice.store.port import Store
from sluice.store.records import LedgerRow, OutboxRow, Release, Verdict


@dataclass(frozen=True)
class Shelves:
    """Where an installation keeps what is served."""

    releases: Path
    signatures: Path
    bentos: Path
    keys: KeyRing


@dataclass(frozen=True)
class ReleaseAudit:
    """What was looked at, and what is wrong with it."""

    problems: tuple[str, ...]
    releases: int
    signed: int
    """Signatures that hold."""


def audit_releases(store: Store, shelves: Shelves) -> ReleaseAudit:
    """Check every byte of every release that the store names, its Bento's, and its signature.

    A release that any server was pointed to needs a signature, once a key was ever trusted; the
    champion's by a key that is trusted now. What a signature claims must be what the store says.
    """
    problems, signed = [], 0
    releases = store.find(Release)
    released = {row.release for row in store.find(OutboxRow, delivered=True)}
    for release in releases:
        named = f"version {release.version} of {release.surface}"
        try:
            ensure_intact(shelves.releases, shelves.bentos, release.surface, release.digest)
        except SluiceError as error:
            problems.append(f"{named}: {error}")
            continue
        problem = _signature(store, shelves, release, needed=release.digest in released)
        if isinstance(problem, str):
            problems.append(f"{named}: {problem}")
        elif problem:
            signed += 1
            problems += (f"{named}: {label}" for label in _untrue(store, release, problem))
    problems += _unknown(store, shelves)
    return ReleaseAudit(tuple(problems), len(releases), signed)


def _signature(
    store: Store, shelves: Shelves, release: Release, *, needed: bool
) -> Signed | str | None:
    """The signature; why it does not hold; or None where there is none and none is needed."""
    path = signature_path(shelves.signatures, release.digest)
    champion = champion_of(store, release.surface)
    serves = champion is not None and champion.release == release.digest
    keys = shelves.keys.trusted() if serves else shelves.keys.known()
    if not path.exists() and not (needed and shelves.keys.known()):
        return None
    manifest = check_bytes(shelves.releases / release.digest, release.digest)
    try:
        return check_signature(path, release.digest, signed_files(manifest), keys)
    except IntegrityError as error:
        return str(error)


def _untrue(store: Store, release: Release, signed: Signed) -> Iterator[str]:
    """Where the signature claims another thing than the store says."""
    claims = signed.claims
    verdicts = store.find(Verdict, surface=release.surface, version=release.version)
    stored = {
        verdict.gate: (verdict.outcome.value, verdict.evidence) for verdict in verdicts
    }
    for gate in claims.get("gates", ()):
        if stored.get(gate["gate"]) != (gate["outcome"], gate["evidence"]):
            yield (
                f"its signature says that the gate {gate['gate']} said {gate['outcome']} on evidence "
                f"{gate['evidence'][:12]}, the store says otherwise"
            )
    baseline = claims.get("baseline")
    if baseline and _row_hash(store, baseline) != baseline["hash"]:
        yield (
            f"its signature names ledger row {baseline['ledger']}, by which {baseline['by']} had the "
            "baseline serve, which is another row now or gone"
        )
    for review in claims.get("reviews", ()):
        if _row_hash(store, review) != review["hash"]:
            yield (
                f"its signature names ledger row {review['ledger']}, the approval by "
                f"{review['reviewer']}, which is another row now or gone"
            )


def _row_hash(store: Store, review: dict[str, Any]) -> str | None:
    row = store.get(LedgerRow, sequence=review["ledger"])
    return row and row.hash


def _unknown(store: Store, shelves: Shelves) -> Iterator[str]:
    """Signatures of releases that the store does not know: its rows were taken away."""
    digests = {release.digest for release in store.find(Release)}
    for path in sorted(shelves.signatures.glob("*.json")):
        if path.stem not in digests:
            yield f"release {path.stem[:12]}: is signed, and the store has no such release"
