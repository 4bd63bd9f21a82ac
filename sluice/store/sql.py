"""The SQL store: the same code for SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

from sluice.errors import NotFound, Refused, UserError
from sluice.store import change
from sluice.store.content import (
    ensure_findable,
    ensure_key,
    ensure_putable,
    ensure_same,
    in_key_order,
    named,
    stored_form,
)
from sluice.store.engine import WRITES, connect, parse_url, shown
from sluice.store.migrate import migrate
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
from sluice.store.tables import TABLES, LedgerTable

R = TypeVar("R", bound=Record)
_NO_RIGHT = "42501"
"""PostgreSQL's code for a right that is missing, a row's as well as a table's."""


class SqlStore:
    """Keeps the guarantees of `Store` in SQLite or PostgreSQL.

    Whoever changes the ledger holds one lock from the first read to COMMIT (BEGIN IMMEDIATE, an
    advisory lock), so what `change` decides is still true when it is written.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(**{WRITES: True})

    @classmethod
    def open(cls, url: str) -> "SqlStore":
        """See `sluice.store.open_store`."""
        parsed = parse_url(url)
        try:
            engine = connect(parsed)
        except OSError as error:
            raise UserError(
                f"the database {shown(parsed)} cannot be made: {error}"
            ) from error
        try:
            migrate(engine)
        except DBAPIError as error:
            engine.dispose()
            raise _unanswered(engine, error) from error
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Close all connections; the store can still be used and opens new ones."""
        self._engine.dispose()

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nobody writes to the database while the block lasts; who wants to waits, up to 30 s."""
        with self._transaction(self._writing_engine):
            yield

    def __enter__(self) -> "SqlStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, record: R) -> R:
        offered = stored_form(record)
        ensure_putable(offered)
        key = {name: getattr(offered, name) for name in offered.key}
        with self._transaction(self._writing_engine) as rows:
            stored = rows.get(type(offered), **key)
            if stored is not None:
                ensure_same(stored, offered)
                return stored
            _ensure_version(rows, offered)
            rows.add(offered)
        return offered

    def get(self, kind: type[R], **key: object) -> R | None:
        ensure_key(kind, key)
        rows = self.find(kind, **key)
        return rows[0] if rows else None

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]:
        with self._transaction(self._engine) as rows:
            return rows.find(kind, **equals)

    def session(self) -> str:
        with self._transaction(self._engine) as rows:
            return rows.session()

    def register(self, draft: Draft, *, actor: str, role: str, at: datetime) -> Version:
        with self._transaction(self._writing_engine) as rows:
            versions = change.registered(draft, rows, at)
            if versions:
                return versions
            self._apply(
                rows, change.of_registration(draft, rows, actor=actor, role=role, at=at)
            )
            return rows.find(Version, surface=draft.surface, run=draft.run)[0]

    def transition(self, transition: Transition) -> LedgerRow:
        with self._transaction(self._writing_engine) as rows:
            row = change.answered(transition, rows)
            if row is None:
                row = self._apply(rows, change.of_transition(transition, rows))
            return row

    def acknowledge(self, sequence: int) -> None:
        with self._transaction(self._writing_engine) as rows:
            row = rows.get(OutboxRow, sequence=sequence)
            if row is None:
                raise NotFound(f"the outbox has no row {sequence}")
            rows.replace(row, delivered=True)

    def _apply(self, rows: "Rows", decided: change.Change) -> LedgerRow:
        for new in filter(None, (decided.version, decided.ledger)):
            rows.add(new)
        moved = (*decided.positions, decided.champion, decided.canary)
        for replacing in filter(None, moved):
            rows.set(replacing)
        if decided.outbox:
            rows.add(decided.outbox)
        return decided.ledger

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator["Rows"]:
        try:
            with engine.begin() as connection:
                yield Rows(connection)
        except (OperationalError, InterfaceError) as error:
            raise _unanswered(self._engine, error) from error
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_RIGHT:
                raise
            words = str(error.orig).strip().splitlines()[0]
            raise Refused(
                f"the database keeps this from the account {self._engine.url.username!r}: {words}; connect "
                "as one with the role for it, see `sluice audit protect`"
            ) from error


class Rows:
    """Records as rows of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: type[R], **key: object) -> R | None:
        rows = self.find(kind, **key)
        return rows[0] if rows else None

    def find(self, kind: type[R], **equals: object) -> tuple[R, ...]:
        ensure_findable(kind, equals)
        query = select(*_columns(kind).values()).where(*_matching(kind, equals))
        return in_key_order([kind(*row) for row in self._connection.execute(query)])

    def tail(self) -> LedgerRow | None:
        """The newest ledger row."""
        newest = (
            select(*_columns(LedgerRow).values())
            .order_by(LedgerTable.sequence.desc())
            .limit(1)
        )
        row = self._connection.execute(newest).one_or_none()
        return LedgerRow(*row) if row else None

    def session(self) -> str:
        """Who is running this."""
        if self._connection.dialect.name == "sqlite":
            return os_user()
        return str(self._connection.scalar(text("SELECT session_user")))

    def add(self, record: Record) -> None:
        """Insert a row."""
        self._connection.execute(insert(TABLES[type(record)]).values(**vars(record)))

    def replace(self, record: Record, **values: object) -> bool:
        """Update columns of the record's row; False where there is none."""
        key = {name: getattr(record, name) for name in record.key}
        kind = type(record)
        statement = update(TABLES[kind]).where(*_matching(kind, key)).values(**values)
        return self._connection.execute(statement).rowcount > 0

    def set(self, record: Record) -> None:
        """Insert the row, or update the one with its key."""
        if not self.replace(record, **vars(record)):
            self.add(record)


def _columns(kind: type[Record]) -> dict[str, Any]:
    return {field.name: getattr(TABLES[kind], field.name) for field in fields(kind)}


def _matching(kind: type[Record], equals: dict[str, object]) -> list[Any]:
    columns = _columns(kind)
    return [columns[name] == value for name, value in equals.items()]


def _ensure_version(rows: Rows, record: Record) -> None:
    if isinstance(record, Verdict | Release):
        version = rows.get(Version, surface=record.surface, number=record.version)
        if version is None:
            raise NotFound(
                f"{named(record)}: {record.surface} has no version {record.version}"
            )


def _unanswered(engine: Engine, error: DBAPIError) -> UserError:
    # The driver's words only: SQLAlchemy's would repeat the statement.
    words = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return UserError(f"the database {shown(engine.url)} did not answer: {words[0]}")
