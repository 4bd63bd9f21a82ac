"""Whether what is signed about the store has caught up with it.

A decision is committed first and sealed, relayed and pointed to afterwards. A copy from in between
would look as if a head or a pointer had been taken away.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sluice.registry.audit import audit
from sluice.registry.coverage import Coverage
from sluice.registry.heads import read_heads
from sluice.registry.heads_audit import audit_heads
from sluice.registry.keys import KeyRing
from sluice.settings import Settings
from sluice.store.port import Store
from sluice.store.sql import SqlStore

_ATTEMPTS = 20
_HELD_SECONDS = 0.3
_POLL_SECONDS = 0.05
_PAUSE_SECONDS = 0.2
"""Longer than a writer that waits for SQLite looks away."""
_NOT_COMPARED = Coverage((), 0, (), 0)


def is_settled(settings: Settings, store: Store) -> bool:
    """Whether heads and pointers say what the ledger says."""
    keys = KeyRing(settings.keys)
    exported, _ = read_heads(settings.heads, keys.known())
    return not audit_heads(store, exported, keys) and not audit(
        store, pointers=settings.pointers, keys=keys, compared=_NOT_COMPARED
    )


@contextmanager
def undecided(settings: Settings, store: SqlStore) -> Iterator[None]:
    """Nobody changes the store while the block lasts, which begins once all about it is settled.

    A relay that is under way needs the store itself, so it is let through between the attempts. Where
    it stays unsettled, because something is wrong with it, the block begins all the same: a copy of
    what there is beats none, and the audit after a restore says what is wrong.
    """
    for attempt in range(_ATTEMPTS):
        with store.unchanged():
            until = time.monotonic() + _HELD_SECONDS
            while not (settled := is_settled(settings, store)):
                if time.monotonic() > until:
                    break
                time.sleep(_POLL_SECONDS)
            if settled or attempt == _ATTEMPTS - 1:
                yield
                return
        time.sleep(_PAUSE_SECONDS)
