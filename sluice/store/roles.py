"""The application's role on PostgreSQL: it may promote, and it cannot rewrite what happened."""

import re

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sluice.errors import ConfigError, Refused, UserError
from sluice.store.canary import Canary
from sluice.store.engine import connect, parse_url, shown
from sluice.store.migrate import migrate
from sluice.store.records import Champion, LedgerRow, OutboxRow, Position
from sluice.store.tables import TABLES, VERSION_TABLE

RIGHTS: dict[str, tuple[str, ...]] = {
    **{table.__tablename__: ("SELECT", "INSERT") for table in TABLES.values()},
    **{
        TABLES[kind].__tablename__: ("SELECT", "INSERT", "UPDATE")
        for kind in (Position, Champion, Canary)
    },
    TABLES[OutboxRow].__tablename__: ("SELECT", "INSERT", "UPDATE (delivered)"),
    VERSION_TABLE: ("SELECT",),
}
"""By table. All the rest is written once; nothing is ever deleted."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_KEPT = {
    "UPDATE": "has_any_column_privilege",
    "DELETE": "has_table_privilege",
    "TRUNCATE": "has_table_privilege",
}
"""What the role must not be able to do to the ledger, and PostgreSQL's function that tells."""

_MEMBER_OF_OWNER = (
    "SELECT rolsuper OR pg_has_role({role}, tableowner, 'MEMBER') "
    "FROM pg_roles, pg_tables WHERE rolname = {role} "
    "AND tablename = 'ledger' AND schemaname = current_schema()"
)


def protect_ledger(url: str, role: str) -> dict[str, tuple[str, ...]]:
    """Make the role, or bring the rights of one that is there to exactly `RIGHTS`.

    Args:
        url: of the database, as its owner.
        role: its name; it is made without LOGIN, for a password is not ours to choose.

    Returns:
        What was granted, by table.

    Raises:
        ConfigError: the database is not PostgreSQL, or the name is not a plain one.
        Refused: this is not the owner's URL; or the role owns the ledger or is a superuser, so that
            nothing can be kept from it; or a right reaches it by another way.
        UserError: the database does not answer, or the right to do this is missing.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(
            "SQLite knows no roles; the file's mode 0600 is all that guards it"
        )
    if not _NAME.fullmatch(role):
        raise ConfigError(f"{role!r}: name the role in lower case, e.g. sluice_app")
    engine = connect(parsed)
    try:
        migrate(engine)
        with engine.begin() as connection:
            _ensure_owner(connection)
            _make(connection, role)
            _ensure_ordinary(connection, role)
            _grant(connection, role)
            _ensure_kept(connection, role)
    except DBAPIError as error:
        raise _refused(engine, error) from error
    finally:
        engine.dispose()
    return RIGHTS


def _ensure_owner(connection: Connection) -> None:
    """To anybody else PostgreSQL answers a GRANT with a warning, and grants nothing."""
    if not connection.scalar(text(_MEMBER_OF_OWNER.format(role="current_user"))):
        raise Refused(
            "only the owner of the ledger can grant rights to it: connect as that role"
        )


def _make(connection: Connection, role: str) -> None:
    known = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    if connection.scalar(known, {"role": role}) is None:
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))


def _ensure_ordinary(connection: Connection, role: str) -> None:
    asked = text(_MEMBER_OF_OWNER.format(role=":role"))
    if connection.scalar(asked, {"role": role}):
        raise Refused(f"{role} owns the ledger or is a superuser: name another role")


def _grant(connection: Connection, role: str) -> None:
    schema = connection.scalar(text("SELECT current_schema()"))
    statements = [
        f'REVOKE ALL ON ALL TABLES IN SCHEMA "{schema}" FROM {role}',
        f'GRANT USAGE ON SCHEMA "{schema}" TO {role}',
        *(f'GRANT {", ".join(rights)} ON "{name}" TO {role}' for name, rights in RIGHTS.items()),
    ]  # fmt: skip
    for statement in statements:
        connection.execute(text(statement))


def _ensure_kept(connection: Connection, role: str) -> None:
    """Rights also come by PUBLIC and by membership, which a REVOKE from the role does not end."""
    ledger = TABLES[LedgerRow].__tablename__
    held = [
        right
        for right, tells in _KEPT.items()
        if connection.scalar(
            text(f"SELECT {tells}(:role, :ledger, :right)"),
            {"role": role, "ledger": ledger, "right": right},
        )
    ]
    if held:
        raise Refused(
            f"{role} may still {', '.join(held)} the ledger, by PUBLIC or another role it is in"
        )


def _refused(engine: Engine, error: DBAPIError) -> UserError:
    words = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return UserError(f"the database {shown(engine.url)} refused: {words[0]}")
