"""Builds of Sluice from which one guarantee was taken out; the deaths of `crash_runs` must find each."""

import os
from dataclasses import replace
from pathlib import Path

from sluice.store.records import OutboxRow
from sluice.store.sql import SqlStore
from tests.lib.crash_points import SIGNING, Point
from tests.lib.crash_runs import Build


class DualWrite(SqlStore):
    """The outbox row is written in a transaction of its own, after the first."""

    late: OutboxRow | None = None

    def _apply(self, rows, decided):
        self.late = decided.outbox
        return super()._apply(rows, replace(decided, outbox=None))

    def transition(self, transition):
        row = super().transition(transition)
        if self.late:
            with self._transaction(self._writing_engine) as rows:
                rows.add(self.late)
            self.late = None
        return row


class StateLate(SqlStore):
    """The states move in a transaction of their own, after the first."""

    def transition(self, transition):
        self.late = ()
        row = super().transition(transition)
        with self._transaction(self._writing_engine) as rows:
            for position in self.late:
                rows.set(position)
        return row

    def _apply(self, rows, decided):
        if decided.version:
            return super()._apply(rows, decided)
        self.late = decided.positions
        return super()._apply(rows, replace(decided, positions=()))


def points_first() -> None:
    """Servers are pointed to a release before it is signed."""
    from sluice.registry.attestation import SignedPointer

    def deliver(self, row):
        self.pointer.deliver(row)
        self.signer.ensure_signed(row.surface, row.version, row.release)

    SignedPointer.deliver = deliver


def writes_in_place() -> None:
    """The serving pointer is written under its own name."""
    from sluice.registry import pointer

    def in_place(path: Path, content: bytes) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(content)

    pointer.write_atomically = in_place


def acknowledges_first() -> None:
    """A move counts as told before anybody was told."""
    from sluice.registry import relay

    def hasty(store, receivers):
        rows = store.find(OutboxRow, delivered=False)
        for row in rows:
            store.acknowledge(row.sequence)
        for receiver in receivers:
            for row in rows:
                receiver.deliver(row)
        return rows

    relay.relay = hasty


MUTANTS = (
    Build("DualWrite", DualWrite, points=(Point.COMMITTED,)),
    Build("StateLate", StateLate, points=(Point.STATE, Point.OTHER)),
    Build("PointsFirst", altered=points_first, points=SIGNING),
    Build("WritesInPlace", altered=writes_in_place, points=(Point.POINTER_TORN,)),
    Build(
        "AcknowledgesFirst", altered=acknowledges_first,
        points=(Point.SIGNED, Point.POINTER_UNNAMED, Point.ALIAS),
    ),
)  # fmt: skip
