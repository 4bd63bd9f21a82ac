"""Opens the store and the surface that a command speaks of."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.errors import NotFound

if TYPE_CHECKING:
    from sluice.registry.approvals import Panel
    from sluice.registry.attestation import SignedPointer, Signer
    from sluice.registry.mlflow_accounts import Accounts
    from sluice.registry.review_keys import Signatory
    from sluice.settings import Settings
    from sluice.store.port import Store
    from sluice.store.sql import SqlStore
    from sluice.surface import Surface


def settings_at(home: Path | None) -> "Settings":
    """Settings from the environment, and --home."""
    from sluice.data.private_files import close_to_others
    from sluice.registry.mlflow_places import follow_home
    from sluice.settings import load_settings, own_environment

    settings = load_settings(os.environ, home)
    own_environment(settings)
    close_to_others(settings.others_files)
    # Its server reads addresses too, and starts before anything of ours writes to it.
    follow_home(settings.mlflow / "mlflow.db", settings.mlflow / "artifacts")
    return settings


def existing_store(settings: "Settings") -> "SqlStore":
    """The store of an installation that has one; a command's own process closes it where it ends.

    Raises:
        NotFound: nothing was ever run there.
    """
    from sluice.store import open_store

    if settings.embedded and not settings.database.is_file():
        raise NotFound(
            f"no store in {settings.home}; run `sluice demo`, or `sluice ingest` and `sluice run`, "
            "or name another place with --home"
        )
    return open_store(settings.database_url)


def signed_pointer(settings: "Settings", store: "Store") -> "SignedPointer":
    """The receiver that signs a release before servers are pointed to it."""
    from sluice.registry.attestation import SignedPointer
    from sluice.registry.pointer import PointerReceiver

    return SignedPointer(_signer(settings, store), PointerReceiver(settings.pointers))


def signed_canary(settings: "Settings", store: "Store") -> "SignedPointer":
    """The receiver that signs a canary's release before servers are pointed to it."""
    from sluice.registry.attestation import SignedPointer
    from sluice.registry.canary_pointer import CanaryReceiver

    receiver = CanaryReceiver(settings.pointers)
    return SignedPointer(_signer(settings, store), receiver, receiver.name)


def _signer(settings: "Settings", store: "Store") -> "Signer":
    from sluice.registry.attestation import Signer
    from sluice.registry.keys import KeyRing

    keys, at = KeyRing(settings.keys), datetime.now(UTC)
    return Signer(store, settings.releases, settings.signatures, keys, at)


def seal_ledger(settings: "Settings", store: "Store") -> None:
    """Keep the ledger's signed head outside the database, where the key to sign it is here."""
    from sluice.registry.heads import seal
    from sluice.registry.keys import KeyRing

    seal(store, settings.heads, KeyRing(settings.keys), datetime.now(UTC))


def surface_of(settings: "Settings", name: str) -> "Surface":
    """The surface's declaration."""
    from sluice.surface import load_surface, surface_path

    return load_surface(surface_path(settings.surfaces, name))


def panel_of(settings: "Settings", declared: "Surface") -> "Panel":
    """Who decides on the surface's versions, and whose signatures count."""
    from sluice.registry.approvals import Panel
    from sluice.registry.review_keys import ReviewKeys

    trust = ReviewKeys(settings.review_keys)
    return Panel(declared.review.reviewers, trust, declared.at_least.approvers)


def signatory(settings: "Settings", reviewer: str, keys: Path | None) -> "Signatory":
    """The reviewer with the key in the named folder, or the own one among the installation's."""
    from sluice.registry.keys import KeyRing
    from sluice.registry.review_keys import ReviewKeys, Signatory

    if keys:
        ring = KeyRing(keys, f"sluice review keygen --keys {keys}")
        return Signatory(reviewer, ring.signing())
    return ReviewKeys(settings.review_keys).signatory(reviewer)


def tell_reviews(settings: "Settings", store: "Store", declared: "Surface") -> str | None:
    """Let MLflow's pages say what was decided; returns why they do not yet, where they do not."""
    from sluice.registry.mirror import MirrorError, MlflowMirror

    if not settings.mlflow.is_dir():
        return None
    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    try:
        mirror.reviewed(store, declared.name, declared.at_least.approvers)
    except MirrorError as error:
        return str(error)
    return None


def accounts_of(settings: "Settings") -> "Accounts":
    """The accounts of MLflow's pages; nothing is made before they are asked for something."""
    from sluice.registry.mlflow_accounts import Accounts

    surfaces = sorted(path.stem for path in settings.surfaces.glob("*.toml"))
    return Accounts(settings.mlflow / "accounts", tuple(surfaces), settings.promoter)


def declared_surfaces(settings: "Settings") -> "tuple[Surface, ...]":
    """Every surface that has a file, by name; each is read, so a wrong one is refused at once.

    Raises:
        NotFound: there is none.
    """
    from sluice.surface import load_surface

    files = sorted(settings.surfaces.glob("*.toml"))
    if not files:
        raise NotFound(
            f"no surface in {settings.surfaces}; write one with `sluice new surface NAME`"
        )
    return tuple(load_surface(file) for file in files)
