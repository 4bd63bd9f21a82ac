"""The port to the metadata store, by its guarantees.

Every store keeps these, and `tests/contract/test_store.py` holds each of them to it:

- **Written once.** A record that was put never changes. The same key with the same content is a
  no-op, with other content a `Conflict`; fields in `incidental` are not content.
- **All or nothing.** A registration or a transition commits whole, with its ledger row, or leaves
  no trace, also when the process is killed.
- **Once per key.** The same idempotency key asked again returns the first ledger row and changes
  nothing; with another request under it, a `Conflict`.
- **One winner.** Of several transitions from the same state, or moves of the same champion or canary
  from the same epoch, one commits and the others get a `Conflict`. An epoch only ever grows.
- **One chain.** Ledger rows are numbered from 1 without a gap, each hashed over its predecessor.
- **Exact.** What is read equals what was put: times in UTC to the microsecond, floats bit by bit,
  tuples as tuples; inside a JSON body tuples become lists. A naive time, a number that is not
  finite and text with a NUL are refused with `DataError`, for no database keeps them all.
- **Thread-safe**, and, where it is a database, safe between processes.
"""

from datetime import datetime
from typing import Protocol, TypeVar

from sluice.store.records import Draft, LedgerRow, Record, Transition, Version

R = TypeVar("R", bound=Record)


class Store(Protocol):
    """Remembers what happened; the one memory that all rooms share."""

    def put(self, record: R) -> R:
        """Write a record and return it as stored, which is the first one where it is there already.

        Raises:
            Conflict: the key is taken by other content.
            Refused: the kind changes through `register` or `transition` only.
            NotFound: the record speaks of a version that is not registered.
            IntegrityError: a document's digest is not that of its body.
        """
        ...

    def get(self, kind: type[R], **key: object) -> R | None:
        """The record with that whole key, or None."""
        ...

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]:
        """All records whose fields equal the given ones, in key order."""
        ...

    def register(self, draft: Draft, *, actor: str, role: str, at: datetime) -> Version:
        """Number a candidate, put it in state `candidate` and write the ledger row.

        The same surface and run again returns the version as first numbered.

        Raises:
            Conflict: the run is registered with another model, snapshot, spec, code or family.
        """
        ...

    def transition(self, transition: Transition) -> LedgerRow:
        """Move versions, and the champion or the canary if asked, in one transaction.

        Writes the ledger row, and an outbox row exactly where one of these two moves.

        Raises:
            Conflict: a version is not in its expected state, champion or canary is at another epoch,
                or the idempotency key belongs to another request. The message names both sides.
            NotFound: a version is not registered.
            Refused: champion and canary are to move at once.
        """
        ...

    def session(self) -> str:
        """Who is running this: on PostgreSQL the session's user, else the operating system's.

        Every ledger row notes it, beside the actor that was declared.
        """
        ...

    def acknowledge(self, sequence: int) -> None:
        """Mark an outbox row as delivered; a second time changes nothing.

        Raises:
            NotFound: there is no such outbox row.
        """
        ...
