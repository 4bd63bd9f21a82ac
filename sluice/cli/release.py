"""`sluice release`: the keys that sign releases, and whether a release is signed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_facts, print_json, print_table, with_home
from sluice.data.commit import Commit
from sluice.errors import SluiceError

if TYPE_CHECKING:
    from sluice.registry.keys import KeyRing, SigningKey
    from sluice.settings import Settings

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def release() -> None:
    """Make and revoke signing keys, and verify a release's signature."""


@release.command()
@with_home
@click.option("--rotate", is_flag=True, help="Put a new key in the place of the old one.")
def keygen(home: Path | None, as_json: bool, rotate: bool) -> None:
    """Make the key that signs promoted releases; the first promotion does it where nobody has.

    A key that is rotated out stays trusted, for what it signed, until it is revoked.

    \b
    Example:
      sluice release keygen --rotate
    """
    from sluice.registry.keys import KeyRing

    settings = settings_at(home)
    ring = KeyRing(settings.keys)
    # The old key says of the new one that it is ours; once it is replaced it cannot be asked.
    old = _still_signs(ring) if rotate else None
    key = ring.generate(rotate=rotate)
    _name_keys(settings, ring, old)
    facts = {"key": key.id, "private": str(ring.private), "trusted": len(ring.trusted())}
    if as_json:
        print_json(facts)
    else:
        print_facts("New signing key", facts.items())


def _still_signs(ring: "KeyRing") -> "SigningKey | None":
    """The key that is about to be replaced; None where it is revoked, open to others or damaged.

    Then nothing says that the new key is ours, and `audit verify` names it.
    """
    try:
        return ring.signing()
    except SluiceError:
        return None


def _name_keys(settings: "Settings", ring: "KeyRing", old: "SigningKey | None") -> None:
    """Export a head that names the keys trusted now, so that any other key stands out."""
    from sluice.registry.heads import export_head
    from sluice.store.ledger import head

    if settings.embedded and not settings.database.is_file():
        return
    store = existing_store(settings)
    if head(store) is not None:
        at = datetime.now(UTC)
        export_head(store, settings.heads, ring, at, signer=old, name_keys=True)


@release.command()
@with_home
def keys(home: Path | None, as_json: bool) -> None:
    """List the keys whose signatures count, and those that were revoked.

    \b
    Example:
      sluice release keys
    """
    from dataclasses import asdict

    from sluice.registry.keys import KeyRing

    ring = KeyRing(settings_at(home).keys)
    revoked = ring.revoked()
    if as_json:
        rows = [asdict(record) for record in revoked.values()]
        print_json({"trusted": [key.id for key in ring.trusted()], "revoked": rows})
        return
    rows = [(key.id, "trusted", "", "") for key in ring.trusted()]
    rows += [
        (verdict.key, "revoked", verdict.at, verdict.reason) for verdict in revoked.values()
    ]
    print_table(f"Keys in {ring.folder}", ("key", "standing", "since", "why"), rows)


@release.command()
@click.argument("key")
@with_home
@click.option("--reason", required=True, help="Why; it stays in the list.")
def revoke(key: str, home: Path | None, as_json: bool, reason: str) -> None:
    """Let no signature of KEY count any longer; `sluice champion mirror` signs the champion anew.

    \b
    Example:
      sluice release revoke 3f9c0a --reason "the laptop was stolen"
    """
    from dataclasses import asdict

    from sluice.registry.keys import KeyRing

    ring = KeyRing(settings_at(home).keys)
    facts = asdict(ring.revoke(key, at=datetime.now(UTC), reason=reason))
    if as_json:
        print_json(facts)
    else:
        print_facts("Revoked", facts.items())


@release.command()
@click.argument("digest")
@with_home
@click.option(
    "--key", type=_FILE, help="The one public key that counts; else those trusted."
)
@click.option("--folder", type=_FOLDER, help="Of the release; HOME/releases/DIGEST.")
@click.option("--signature", type=_FILE, help="HOME/signatures/DIGEST.json where not said.")
def verify(
    digest: str,
    home: Path | None,
    as_json: bool,
    key: Path | None,
    folder: Path | None,
    signature: Path | None,
) -> None:
    """Verify every byte of release DIGEST, of its Bento where one is here, and its signature.

    No database and no network is needed.

    \b
    Example, with nothing but three things that were copied here:
      sluice release verify 3f9c0a… --folder r/3f9c0a… --signature r.json --key promoter.pub
    """
    from sluice.registry.keys import KeyRing, read_public
    from sluice.registry.signature import check_signature, signature_path
    from sluice.serving.bento import Bento, check_bento
    from sluice.serving.custody import check_bytes
    from sluice.serving.trust import signed_files

    settings = settings_at(home)
    manifest = check_bytes(folder or settings.releases / digest, digest)
    path = signature or signature_path(settings.signatures, digest)
    counted = (read_public(key),) if key else KeyRing(settings.keys).trusted()
    signed = check_signature(path, digest, signed_files(manifest), counted)
    bento = Bento(settings.bentos, manifest.provenance.surface, digest)
    if bento.folder.exists():
        check_bento(bento)
    facts = {
        "release": digest,
        "files": len(manifest.files) + 1,
        "key": signed.key,
        "bento": bento.tag if bento.folder.exists() else "none here",
    }
    if as_json:
        print_json({**facts, "claims": signed.claims})
    else:
        print_facts(
            "The release is whole and signed", {**facts, **_told(signed.claims)}.items()
        )


def _told(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims as a person reads them."""
    gates = [f"{claim['gate']} {claim['outcome']}" for claim in claims["gates"]]
    reviewers = [claim["reviewer"] for claim in claims["reviews"]]
    # A release that was signed before waivers were claimed says nothing of any.
    waivers = [
        f"{waiver['gate']} by {waiver['by']}: {waiver['reason']}"
        for waiver in claims.get("waivers", ())
    ]
    facts = {"gates": ", ".join(gates), "waived": "; ".join(waivers) or "nothing"}
    facts["approved by"] = ", ".join(reviewers)
    evidence = ", ".join(digest[:12] for digest in claims["provenance"].get("evidence", ()))
    return {
        **claims["provenance"],
        "commit": str(_commit(claims)),
        "evidence": evidence,
        **facts,
        "signed at": claims["signed_at"],
    }


def _commit(claims: dict[str, Any]) -> Commit:
    noted = claims.get("commit")
    return Commit(**noted) if noted else Commit(None, "signed before commits were claimed")
