"""The SQL tables, one for each kind of record, column by field."""
# ruff: noqa: ARG002, D101 - SQLAlchemy gives the signatures; `records` says what the fields mean

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sluice.store import records
from sluice.store.canary import Canary
from sluice.store.records import Outcome, State

VERSION_TABLE = "sluice_alembic_version"
"""Alembic's own table, named apart from those of MLflow, Prefect and Evidently."""

HEAD = "0004"
"""The newest migration; a database at this revision is opened without loading Alembic."""


class UtcTime(TypeDecorator[datetime]):
    """A UTC instant to the microsecond. SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Word(TypeDecorator[StrEnum]):
    """A member of an enumeration, stored as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, enumeration: type[StrEnum]) -> None:
        super().__init__()
        self.enumeration = enumeration

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.enumeration(value)


class Words(TypeDecorator[tuple[str, ...]]):
    """A tuple of texts, stored as a JSON list."""

    impl = JSON
    cache_ok = True

    def process_result_value(
        self, value: list[str] | None, dialect: Dialect
    ) -> tuple[str, ...]:
        return tuple(value or ())


class Base(DeclarativeBase):
    # Every constraint has a name, so that a later migration can speak of it.
    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_of_%(referred_table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text,
        int: BigInteger,
        float: Double,
        datetime: UtcTime,
        tuple[str, ...]: Words,
        dict[str, Any]: JSON,
        State: Word(State),
        Outcome: Word(Outcome),
    }


def _of_version(column: str = "version") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["surface", column], ["version.surface", "version.number"])


class SnapshotTable(Base):
    __tablename__ = "snapshot"
    surface: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime]
    end: Mapped[datetime]
    exposures: Mapped[int]
    feedback: Mapped[int]
    items: Mapped[int]
    created_at: Mapped[datetime]


class StepTable(Base):
    __tablename__ = "step"
    key_digest: Mapped[str] = mapped_column(primary_key=True)
    flow: Mapped[str]
    step: Mapped[str]
    surface: Mapped[str]
    snapshot: Mapped[str]
    outcome: Mapped[dict[str, Any]]
    seconds: Mapped[float]
    finished_at: Mapped[datetime]


class DocumentTable(Base):
    __tablename__ = "document"
    digest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ValidationTable(Base):
    __tablename__ = "validation"
    surface: Mapped[str] = mapped_column(primary_key=True)
    snapshot: Mapped[str] = mapped_column(primary_key=True)
    spec: Mapped[str] = mapped_column(primary_key=True)
    suite: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[Outcome]
    checks: Mapped[int]
    failing: Mapped[tuple[str, ...]]
    evidence: Mapped[str]
    created_at: Mapped[datetime]


class VersionTable(Base):
    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("surface", "run", name="version_run_once"),)
    surface: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str]
    model: Mapped[str]
    snapshot: Mapped[str]
    spec: Mapped[str]
    code: Mapped[str]
    family: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime]


class VerdictTable(Base):
    __tablename__ = "verdict"
    __table_args__ = (_of_version(),)
    surface: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    gate: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[Outcome]
    reason: Mapped[str]
    evidence: Mapped[str]
    created_at: Mapped[datetime]


class ReleaseTable(Base):
    __tablename__ = "release"
    __table_args__ = (_of_version(),)
    surface: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[datetime]


class PositionTable(Base):
    __tablename__ = "position"
    __table_args__ = (_of_version(),)
    surface: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[State]
    release: Mapped[str | None]


class ChampionTable(Base):
    __tablename__ = "champion"
    __table_args__ = (_of_version(), _of_version("last_good_version"))
    surface: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    release: Mapped[str]
    epoch: Mapped[int]
    last_good_version: Mapped[int | None]
    last_good_release: Mapped[str | None]


class CanaryTable(Base):
    __tablename__ = "canary"
    __table_args__ = (_of_version(),)
    surface: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    release: Mapped[str]
    share: Mapped[float]
    epoch: Mapped[int]
    since: Mapped[datetime]


class LedgerTable(Base):
    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("idempotency_key", name="ledger_key_once"),
        _of_version(),
        Index("ledger_by_version", "surface", "version"),
    )
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    surface: Mapped[str]
    version: Mapped[int]
    action: Mapped[str]
    actor: Mapped[str]
    role: Mapped[str]
    reason: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str]
    evidence: Mapped[tuple[str, ...]]
    epoch: Mapped[int | None]
    idempotency_key: Mapped[str]
    request: Mapped[str]
    at: Mapped[datetime]
    previous_hash: Mapped[str]
    hash: Mapped[str]
    ran_by: Mapped[str | None]
    signature: Mapped[str | None]
    covers: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))


class OutboxTable(Base):
    __tablename__ = "outbox"
    sequence: Mapped[int] = mapped_column(
        ForeignKey("ledger.sequence"), primary_key=True, autoincrement=False
    )
    surface: Mapped[str]
    version: Mapped[int]
    release: Mapped[str]
    epoch: Mapped[int]
    delivered: Mapped[bool]
    share: Mapped[float | None]


class MetricPointTable(Base):
    __tablename__ = "metric_point"
    surface: Mapped[str] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(primary_key=True)
    monitor: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    end: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    outcome: Mapped[Outcome]
    n: Mapped[int]
    created_at: Mapped[datetime]


TABLES: Mapping[type[records.Record], type[Base]] = {
    records.SnapshotRecord: SnapshotTable,
    records.Step: StepTable,
    records.Document: DocumentTable,
    records.Validation: ValidationTable,
    records.Version: VersionTable,
    records.Verdict: VerdictTable,
    records.Release: ReleaseTable,
    records.Position: PositionTable,
    records.Champion: ChampionTable,
    Canary: CanaryTable,
    records.LedgerRow: LedgerTable,
    records.OutboxRow: OutboxTable,
    records.MetricPoint: MetricPointTable,
}
"""Where each kind of record is kept."""
