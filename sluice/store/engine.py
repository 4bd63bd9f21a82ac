"""From a database URL to an engine: drivers, durability, and what a transaction begins with."""

import json
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from sluice.errors import UserError

CONNECT_SECONDS = 4
"""For each address of the host; a name with two addresses still answers within ten seconds.

A server that is slow and not gone needs longer: the URL's own `?connect_timeout=` counts before this.
"""

_TIMEOUT = "connect_timeout"

WRITES = "sluice_writes"
"""Execution option of a connection that will write."""

_CHAIN_LOCK = 0x51_01CE
"""Key of the advisory lock that orders the writers of the ledger, a constant of this product."""


def parse_url(text: str) -> URL:
    """The URL with the driver that Sluice uses.

    Raises:
        UserError: no URL, or neither a SQLite file nor PostgreSQL. The text is not repeated, for it
            may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UserError(
            f"the database URL cannot be read; write one like {_EXAMPLES}"
        ) from None
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise UserError(
            f"the database URL asks for {url.drivername}; write one like {_EXAMPLES}"
        )
    if not url.database or url.database == ":memory:" or "?" in text:
        raise UserError(
            "the SQLite URL must name a file, e.g. sqlite:////var/sluice/sluice.db, no '?'"
        )
    return url


_EXAMPLES = "sqlite:////var/sluice/sluice.db or postgresql://user@host/sluice"


def shown(url: URL) -> str:
    """The URL without user, password and options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    host = url.host or url.query.get("host") or "local socket"
    return f"postgresql://{host}/{url.database or ''}"


def connect(url: URL) -> Engine:
    """An engine for the URL; a SQLite file and its folder are made where they are missing."""
    if url.get_backend_name() == "sqlite":
        _make_file(Path(str(url.database)))
        engine = create_engine(url, hide_parameters=True, json_serializer=_json)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        json_serializer=_json,
        pool_pre_ping=True,
        connect_args={} if _TIMEOUT in url.query else {_TIMEOUT: CONNECT_SECONDS},
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _make_file(path: Path) -> None:
    """Make an empty database, for its owner only and in WAL mode, that appears whole.

    Two openers that switch one file to WAL at the same moment would meet 'database is locked'.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}."
    )  # has mode 0600
    os.close(handle)
    connection = sqlite3.connect(name)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    try:
        os.link(name, path)
    except FileExistsError:
        pass  # another opener was first
    finally:
        Path(name).unlink()


def _set_pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late to lock
    cursor = connection.cursor()
    for pragma in (
        "busy_timeout=30000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer in mid-transaction fails at once instead of waiting its turn.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})")
