"""What an audit looks at in a whole installation, and what of it does not agree."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.cli.installation import existing_store, surface_of
from sluice.errors import SluiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.registry.heads import Exported
    from sluice.registry.keys import KeyRing
    from sluice.settings import Settings
    from sluice.store.ledger import Head
    from sluice.store.port import Store

_SHOWN = 10
"""Names of records, at most."""


@dataclass(frozen=True)
class Noted:
    """A head that somebody wrote down."""

    head: "Head"


@dataclass
class Seen:
    """What was looked at, and what of it does not agree."""

    head: str | None = None
    """SEQUENCE:HASH of the newest row."""
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """Nothing wrong by itself, and worth a look."""
    covers: dict[str, int] = field(default_factory=dict)
    """How many of each were looked at, by what they are."""
    uncovered: dict[str, int] = field(default_factory=dict)
    """How many of each nothing vouches for."""


def look(
    settings: "Settings",
    *,
    heads: Path | None = None,
    noted: "Exported | Noted | None" = None,
    quick: bool = False,
) -> Seen:
    """Look at everything that an audit can see from here.

    Args:
        settings: of the installation.
        heads: folder of heads in place of its own, which then must only be in the ledger.
        noted: a head that was kept elsewhere.
        quick: look at the chain and its heads alone.

    Raises:
        NotFound: nothing was ever run there.
    """
    from sluice.registry.heads import read_heads
    from sluice.registry.heads_audit import audit_heads
    from sluice.registry.keys import KeyRing
    from sluice.registry.new_key import acknowledged_keys
    from sluice.registry.review_keys import ReviewKeys

    keys = KeyRing(settings.keys)
    with existing_store(settings) as store:
        exported, unread = read_heads(heads or settings.heads, keys.known())
        seen = Seen(problems=list(unread))
        _chain(seen, store, [*exported, *([noted] if noted else [])])
        seen.covers["exported heads"] = len(exported)
        if heads is None:
            since = noted.head.sequence if noted else 0
            ours = acknowledged_keys(
                store, ReviewKeys(settings.review_keys, with_revoked=True)
            )
            seen.problems += audit_heads(store, exported, keys, since, ours)
            seen.notices += (
                f"key {key[:16]} followed on a lost or revoked one: {row.actor} said that it is ours "
                f"(ledger row {row.sequence}): {row.reason}"
                for key, row in ours.items()
            )
        if not quick:
            _records(seen, store, settings, keys)
            _shelves(seen, store, settings, keys)
            _mlflow(seen, store, settings)
            seen.notices += _surfaces(seen, store, settings)
    return seen


def _chain(seen: Seen, store: "Store", heads: "Sequence[Exported | Noted]") -> None:
    from sluice.store.ledger import verify as whole
    from sluice.store.records import LedgerRow

    rows = store.find(LedgerRow)
    seen.head = f"{rows[-1].sequence}:{rows[-1].hash}" if rows else None
    seen.covers["ledger rows"] = len(rows)
    seen.problems += whole(rows, *(head.head for head in heads))


def _records(seen: Seen, store: "Store", settings: "Settings", keys: "KeyRing") -> None:
    """Everything in the database against the ledger, and the pointers against both."""
    from sluice.registry.audit import audit
    from sluice.registry.coverage import coverage
    from sluice.registry.review_keys import ReviewKeys

    reviews = ReviewKeys(settings.review_keys, with_revoked=True)
    compared = coverage(store)
    problems = audit(
        store, pointers=settings.pointers, keys=keys, reviews=reviews, compared=compared
    )
    seen.problems += [problem for problem in problems if problem not in seen.problems]
    seen.covers["records that rows vouch for"] = compared.covered
    seen.uncovered["ledger rows from before rows vouched for anything"] = (
        compared.rows_before
    )
    seen.uncovered["records that no row vouches for"] = len(compared.uncovered)
    names = compared.uncovered
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    shown = ", ".join([*names[:_SHOWN], *more])
    if names:
        seen.notices.append(f"no ledger row vouches for {shown}")


def _shelves(seen: Seen, store: "Store", settings: "Settings", keys: "KeyRing") -> None:
    """What is served: releases, byte by byte, their Bentos and signatures."""
    from sluice.serving.release_audit import Shelves, audit_releases

    shelves = Shelves(settings.releases, settings.signatures, settings.bentos, keys)
    problems = audit_releases(store, shelves)
    seen.problems += problems.problems
    seen.covers["releases, byte by byte, with their Bentos' code"] = problems.releases
    seen.covers["signatures"] = problems.signed
    seen.covers["trusted keys"] = len(keys.trusted())
    seen.uncovered["releases without a signature"] = problems.releases - problems.signed


def _mlflow(seen: Seen, store: "Store", settings: "Settings") -> None:
    """What stands in MLflow among a surface's candidates and is none."""
    if not settings.mlflow.is_dir():
        return
    from sluice.registry.mirror import MirrorError, MlflowMirror
    from sluice.store.records import Version

    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    surfaces = sorted({version.surface for version in store.find(Version)})
    seen.covers["surfaces' candidates in MLflow"] = len(surfaces)
    for surface in surfaces:
        try:
            seen.problems += [
                f"{stranger}; `sluice champion mirror {surface}` takes it away"
                for stranger in mirror.strangers(store, surface)
            ]
        except MirrorError as error:
            seen.notices.append(f"the candidates of {surface} in MLflow: {error}")


def _surfaces(seen: Seen, store: "Store", settings: "Settings") -> "Iterator[str]":
    """Where a surface's file is not what the version that serves was declared and judged by."""
    from sluice.registry.moves import version_of
    from sluice.store.records import Champion

    champions = store.find(Champion)
    seen.covers["surface files"] = len(champions)
    for champion in champions:
        version = version_of(store, champion.surface, champion.version)
        try:
            declared = surface_of(settings, champion.surface)
        except SluiceError as error:
            yield f"the surface file of {champion.surface} cannot be compared: {error}"
            continue
        if declared.candidate_digest != version.spec:
            yield (
                f"the surface file of {champion.surface} is not what version {version.number}, which "
                "serves, was judged by: the next candidate is judged by other rules"
            )
