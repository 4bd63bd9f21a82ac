"""A store that can be killed at its writes without a process that dies, and a receiver that can be down."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sluice.errors import Conflict
from sluice.store.port import Store
from sluice.store.records import LedgerRow, OutboxRow, Version


class Killed(BaseException):
    """No `except` of the code under test may catch it, as none catches a kill."""


class Mortal:
    """A store whose process can be killed before or after one of its writes."""

    def __init__(self, store: Store) -> None:
        self.store, self.death = store, None
        self.get, self.find, self.session = store.get, store.find, store.session

    def put(self, record: Any) -> Any:
        return self._write(lambda: self.store.put(record))

    def register(self, draft: Any, **named: Any) -> Version:
        return self._write(lambda: self.store.register(draft, **named))

    def transition(self, transition: Any) -> LedgerRow:
        return self._write(lambda: self.store.transition(transition))

    def acknowledge(self, sequence: int) -> None:
        self._write(lambda: self.store.acknowledge(sequence))

    def _write(self, write: Callable[[], Any]) -> Any:
        if self.death is None:
            return write()
        left, is_done = self.death
        self.death = (left - 1, is_done) if left > 1 else None
        if self.death is not None:
            return write()
        if is_done:
            write()
        raise Killed


class Mirror:
    """A receiver that forgets nothing and can be down; fenced as the real ones are."""

    name = "mirror"

    def __init__(self) -> None:
        self.told: dict[str, OutboxRow] = {}
        self.is_down = False

    def deliver(self, row: OutboxRow) -> None:
        if self.is_down:
            raise ConnectionError("nobody answers")
        held = self.told.get(row.surface)
        if held and held.epoch > row.epoch:
            raise Conflict(f"is at epoch {held.epoch}")
        self.told[row.surface] = replace(row, delivered=False)
