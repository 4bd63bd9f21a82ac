"""What all stores agree on about records: their stored form, their key, when two are the same."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from enum import Enum
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from sluice.data.digest import json_digest
from sluice.errors import Conflict, DataError, IntegrityError, Refused
from sluice.store.canary import Canary
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    MetricPoint,
    OutboxRow,
    Position,
    Record,
    Release,
    SnapshotRecord,
    Step,
    Validation,
    Verdict,
    Version,
)

R = TypeVar("R", bound=Record)

MOVED_ONLY = (Version, Position, Champion, Canary, LedgerRow, OutboxRow)
"""Kinds that change through `register`, `transition` and `acknowledge` only."""

KINDS: tuple[type[Record], ...] = (
    SnapshotRecord, Step, Document, Validation, Verdict, Release, MetricPoint, *MOVED_ONLY,
)  # fmt: skip

_LARGEST = 2**63 - 1


def key_of(record: Record) -> tuple[Any, ...]:
    """Values of the key fields."""
    return tuple(getattr(record, name) for name in record.key)


def in_key_order(records: list[R]) -> tuple[R, ...]:
    """Sorted here and not by the database: each of them collates text in its own way."""
    return tuple(sorted(records, key=key_of))


def named(record: Record) -> str:
    """The record's kind and key, for messages."""
    key = ", ".join(f"{name}={getattr(record, name)}" for name in record.key)
    return f"{type(record).__name__}({key})"


def stored_form(record: R) -> R:
    """The record as it will be read back.

    Raises:
        DataError: a value that not every database keeps; the message names record and field.
    """
    values = {}
    for field in fields(record):
        try:
            values[field.name] = _stored(getattr(record, field.name))
        except (TypeError, ValueError) as error:
            raise DataError(f"{named(record)}: {field.name}: {error}") from error
    return replace(record, **values)


def ensure_putable(record: Record) -> None:
    """Refuse what `put` must not write.

    Raises:
        Refused: the kind changes through transitions only.
        IntegrityError: a document's digest is not that of its body.
    """
    if isinstance(record, MOVED_ONLY):
        raise Refused(
            f"{named(record)}: changes through register and transition only, never put"
        )
    if isinstance(record, Document) and json_digest(record.body) != record.digest:
        raise IntegrityError(
            f"{named(record)}: the body's digest is {json_digest(record.body)}"
        )


def ensure_same(stored: Record, offered: Record) -> None:
    """Let a repeated record pass.

    Raises:
        Conflict: the contents differ; the message names the fields.
    """
    names = (field.name for field in fields(stored) if field.name not in stored.incidental)
    differing = [name for name in names if getattr(stored, name) != getattr(offered, name)]
    if differing:
        raise Conflict(f"{named(stored)} is there with another {', '.join(differing)}")


def ensure_key(kind: type[Record], key: Mapping[str, object]) -> None:
    """Refuse a `get` by anything but the whole key."""
    if set(key) != set(kind.key):
        raise TypeError(
            f"{kind.__name__} is got by {', '.join(kind.key)}, not by {sorted(key)}"
        )


def ensure_findable(kind: type[Record], equals: Mapping[str, object]) -> None:
    """Refuse a `find` by a field that is not there, or holds JSON."""
    plain = [field.name for field in fields(kind) if not _holds_json(field.type)]
    wrong = sorted(set(equals) - set(plain))
    if wrong:
        raise TypeError(
            f"{kind.__name__} is not found by {wrong}; its fields: {', '.join(plain)}"
        )


def _holds_json(annotation: Any) -> bool:
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return any(get_origin(option) in {dict, tuple} for option in options)


def _stored(value: Any) -> Any:
    if isinstance(value, dict):
        return json.loads(json.dumps(value, allow_nan=False))
    if isinstance(value, tuple):
        return tuple(_stored(part) for part in value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, str):
        return _text(value)
    return value if value is None or isinstance(value, bool) else _number(value)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone; give it in UTC")
    return value.astimezone(UTC)


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL character")
    value.encode()  # a lone surrogate is a ValueError here, and another error in every driver
    return value if isinstance(value, Enum) else str(value)


def _number(value: Any) -> int | float:
    if isinstance(value, Integral):
        if abs(int(value)) > _LARGEST:
            raise ValueError(f"{value} does not fit 64 bits")
        return int(value)
    if not isinstance(value, Real):
        raise TypeError(f"{type(value).__name__} cannot be stored")
    if not math.isfinite(value):
        raise ValueError(f"{value} is not finite; None says that it is unknown")
    return float(value)
