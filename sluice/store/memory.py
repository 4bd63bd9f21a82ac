"""The in-memory twin of the SQL store: the reference of what a store does, and fit for tests."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

from sluice.errors import NotFound
from sluice.store import change
from sluice.store.content import (
    KINDS,
    ensure_findable,
    ensure_key,
    ensure_putable,
    ensure_same,
    in_key_order,
    key_of,
    named,
    stored_form,
)
from sluice.store.os_user import os_user
from sluice.store.records import (
    Draft,
    LedgerRow,
    OutboxRow,
    Record,
    Release,
    Transition,
    Verdict,
    Version,
)

R = TypeVar("R", bound=Record)


class MemoryStore:
    """Keeps the guarantees of `Store` for the threads of one process, as long as it lives."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._records: dict[type[Record], dict[tuple[Any, ...], Any]] = {
            kind: {} for kind in KINDS
        }

    def put(self, record: R) -> R:
        offered = stored_form(record)
        ensure_putable(offered)
        with self._lock:
            stored = self._records[type(record)].get(key_of(offered))
            if stored is None:
                self._ensure_version(offered)
                self._write(offered)
                return deepcopy(offered)
            ensure_same(stored, offered)
            return deepcopy(stored)

    def get(self, kind: type[R], **key: object) -> R | None:
        ensure_key(kind, key)
        rows = self.find(kind, **key)
        return rows[0] if rows else None

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]:
        ensure_findable(kind, equals)
        with self._lock:
            records = list(self._records[kind].values())
        wanted = equals.items()
        rows = [
            record
            for record in records
            if all(getattr(record, name) == value for name, value in wanted)
        ]
        return in_key_order(deepcopy(rows))

    def tail(self) -> LedgerRow | None:
        rows = self._records[LedgerRow]
        return rows[(len(rows),)] if rows else None

    def session(self) -> str:
        return os_user()

    def register(self, draft: Draft, *, actor: str, role: str, at: datetime) -> Version:
        with self._lock:
            versions = change.registered(draft, self, at)
            if versions:
                return versions
            self._apply(change.of_registration(draft, self, actor=actor, role=role, at=at))
            return self.find(Version, surface=draft.surface, run=draft.run)[0]

    def transition(self, transition: Transition) -> LedgerRow:
        with self._lock:
            row = change.answered(transition, self)
            if row is None:
                row = self._apply(change.of_transition(transition, self))
            return row

    def acknowledge(self, sequence: int) -> None:
        with self._lock:
            row = self._records[OutboxRow].get((sequence,))
            if row is None:
                raise NotFound(f"the outbox has no row {sequence}")
            self._write(replace(row, delivered=True))

    def _apply(self, decided: change.Change) -> LedgerRow:
        whole = (
            decided.version,
            *decided.positions,
            decided.ledger,
            decided.champion,
            decided.canary,
            decided.outbox,
        )
        for record in whole:
            if record is not None:
                self._write(record)
        return decided.ledger

    def _write(self, record: Record) -> None:
        self._records[type(record)][key_of(record)] = record

    def _ensure_version(self, record: Record) -> None:
        if isinstance(record, Verdict | Release) and not self._records[Version].get(
            (record.surface, record.version)
        ):
            raise NotFound(
                f"{named(record)}: {record.surface} has no version {record.version}"
            )
