"""A person's account whose password somebody else set: a ledger row, and no decisions for a while.

Whoever sets a reviewer's password can sign in as the reviewer. So the ledger says who did it, and
until the declared time is over the account decides nothing; the person has the time to object.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sluice.errors import Refused
from sluice.registry.moves import made, position_of
from sluice.registry.people import person
from sluice.store.port import Store
from sluice.store.records import Document, LedgerRow, Transition, Version

ACTION = "account"
SEEN = "account.seen"
"""Kind of the documents that say which passwords an account was met with."""
RESET = "account.reset"
PAST = "somebody past MLflow's pages"
"""Who set a password, where nothing saw it done."""


@dataclass(frozen=True)
class Account:
    """An account as it is met."""

    name: str
    mark: str
    """Tells one password from another, and nothing of either."""


def mark_of(password_hash: str) -> str:
    """The mark of a password, from the salted hash that its account is stored with."""
    return hashlib.sha256(password_hash.encode()).hexdigest()


def note_reset(
    store: Store, account: Account, surfaces: Iterable[str], *, by: str, at: datetime
) -> tuple[LedgerRow, ...]:
    """Write into the ledger that somebody else set the account's password.

    Args:
        store: where the ledger is.
        account: as it is since.
        surfaces: that the person reviews; one without a version has no row yet, and gets it at the
            first decision.
        by: who set it.
        at: when.

    Returns:
        A row for each surface that has versions.
    """
    rows = []
    for surface in surfaces:
        versions = store.find(Version, surface=surface)
        if versions:
            rows.append(_note(store, versions[-1], account, by, at))
            _meet(store, surface, account, at)
        else:  # met, and not with this password
            store.put(_met(surface, account.name, at))
    return tuple(rows)


def note_own(store: Store, account: Account, surfaces: Iterable[str], at: datetime) -> None:
    """Remember a password that the person set, who knew the one before."""
    for surface in surfaces:
        _meet(store, surface, account, at)


def ensure_free(
    store: Store, surface: str, account: Account, *, hold: timedelta, at: datetime
) -> None:
    """Let an account decide whose password nobody else set of late.

    The first password that an account is met with is taken for the person's.

    Raises:
        Refused: somebody else set it less than `hold` ago, or it is another one than ever before
            and nobody saw who set it.
    """
    if not _is_kept(store, _met(surface, account.name, at)):
        _meet(store, surface, account, at)
    elif not _is_kept(store, _seen(surface, account, at)):
        note_reset(store, account, (surface,), by=PAST, at=at)
    for row in _resets(store, surface, account.name):
        if row.at <= at < row.at + hold:
            raise Refused(
                f"{row.actor} set the password of {account.name!r} at {row.at.isoformat(timespec='seconds')} "
                f"(ledger row {row.sequence}); its decisions are held until "
                f"{(row.at + hold).isoformat(timespec='seconds')}: if that was not agreed, tell the owner"
            )


def _note(
    store: Store, version: Version, account: Account, by: str, at: datetime
) -> LedgerRow:
    body = {"account": person(account.name), "mark": account.mark, "by": by}
    document = store.put(Document.of(RESET, body, at))
    key = f"account:{version.surface}:{document.digest}"
    if row := made(store, key):
        return row
    state = position_of(store, version).state
    return store.transition(
        Transition(
            surface=version.surface,
            version=version.number,
            action=ACTION,
            expected=state,
            after=state,
            actor=by,
            role="account",
            reason=f"set the password of {account.name}",
            idempotency_key=key,
            at=at,
            evidence=(document.digest,),
        )
    )


def _meet(store: Store, surface: str, account: Account, at: datetime) -> None:
    store.put(_met(surface, account.name, at))
    store.put(_seen(surface, account, at))


def _met(surface: str, name: str, at: datetime) -> Document:
    """Says that the account was met, with whatever password."""
    return Document.of(SEEN, {"surface": surface, "account": person(name)}, at)


def _seen(surface: str, account: Account, at: datetime) -> Document:
    """Says that it was met with this one."""
    body = {"surface": surface, "account": person(account.name), "mark": account.mark}
    return Document.of(SEEN, body, at)


def _is_kept(store: Store, document: Document) -> bool:
    return store.get(Document, digest=document.digest) is not None


def _resets(store: Store, surface: str, name: str) -> Iterator[LedgerRow]:
    """Rows about the person, newest first."""
    for row in reversed(store.find(LedgerRow, surface=surface, action=ACTION)):
        document = store.get(Document, digest=row.evidence[0])
        # One whose document is gone holds everybody: nobody knows any more whom it was about.
        if document is None or document.body["account"] == person(name):
            yield row
