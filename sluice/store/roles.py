"""The five roles on PostgreSQL: nobody approves but the reviewer, and nobody rewrites what happened."""

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sluice.errors import ConfigError, Refused, UserError
from sluice.store.engine import connect, parse_url, shown
from sluice.store.migrate import migrate
from sluice.store.record import State
from sluice.store.role_matrix import ACTIONS, MOVES, RIGHTS, TABLE_NAMES, Actions, Role

_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_MEMBER_OF_OWNER = (
    "SELECT rolsuper OR pg_has_role({role}, tableowner, 'MEMBER') "
    "FROM pg_roles, pg_tables WHERE rolname = {role} "
    "AND tablename = 'ledger' AND schemaname = current_schema()"
)
_OTHERS = (
    "SELECT DISTINCT grantee FROM information_schema.{view} "
    "WHERE table_schema = current_schema() AND table_name = ANY(:tables) "
    "AND grantee <> ALL(:ours)"
)
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def role_name(prefix: str, role: Role) -> str:
    """The role's name in the database."""
    return f"{prefix}_{role}"


def protect(url: str, prefix: str = "sluice") -> Mapping[str, Mapping[str, str]]:
    """Make the five roles, or bring the rights of those that are there to exactly the matrix.

    Every other right to the tables is taken back, for it would be a way around.

    Args:
        url: of the database, as the tables' owner.
        prefix: of the roles' names; they are made without LOGIN, for a password is not ours to choose.

    Returns:
        What each role may do, by its name and the table's.

    Raises:
        ConfigError: the database is not PostgreSQL, or the prefix is not a plain one.
        Refused: this is not the owner's URL; or a role owns the tables or is a superuser, so that
            nothing can be kept from it; or a right reaches it by another role.
        UserError: the database does not answer, or the right to do this is missing.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise ConfigError(
            "SQLite knows no roles; the file's mode 0600 is all that guards it"
        )
    if not _PREFIX.fullmatch(prefix):
        raise ConfigError(f"{prefix!r}: name the roles' prefix in lower case, e.g. sluice")
    engine = connect(parsed)
    try:
        migrate(engine)
        with engine.begin() as connection:
            _ensure_owner(connection)
            for role in Role:
                _make(connection, role_name(prefix, role))
            _own(connection, role_name(prefix, Role.MIGRATOR))
            _revoke_others(connection, prefix)
            for statement in _statements(_schema(connection), prefix):
                connection.execute(text(statement))
            for role in RIGHTS:
                _ensure_exact(connection, role_name(prefix, role), RIGHTS[role])
    except DBAPIError as error:
        raise _refused(engine, error) from error
    finally:
        engine.dispose()
    return _told(prefix)


def _told(prefix: str) -> dict[str, dict[str, str]]:
    grants = {
        role_name(prefix, role): {
            table: ", ".join(verbs) for table, verbs in rights.items()
        }
        for role, rights in RIGHTS.items()
    }
    return {
        **grants,
        role_name(prefix, Role.MIGRATOR): dict.fromkeys(TABLE_NAMES, "owner"),
    }


def _schema(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT current_schema()")))


def _ensure_owner(connection: Connection) -> None:
    """To anybody else PostgreSQL answers a GRANT with a warning, and grants nothing."""
    if not connection.scalar(text(_MEMBER_OF_OWNER.format(role="current_user"))):
        raise Refused(
            "only the owner of the ledger can grant rights to it: connect as that role"
        )


def _make(connection: Connection, role: str) -> None:
    query = text("SELECT 1 FROM pg_roles WHERE rolname = :role")
    if connection.scalar(query, {"role": role}) is None:
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))


def _own(connection: Connection, migrator: str) -> None:
    """Let the migrator own the tables; whoever did until now keeps its rights as a member."""
    schema = _schema(connection)
    connection.execute(text(f"GRANT {migrator} TO CURRENT_USER"))
    connection.execute(text(f'GRANT USAGE, CREATE ON SCHEMA "{schema}" TO {migrator}'))
    for table in TABLE_NAMES:
        connection.execute(text(f'ALTER TABLE "{table}" OWNER TO {migrator}'))


def _revoke_others(connection: Connection, prefix: str) -> None:
    """Take back what older releases granted to one role for all, and what was granted by hand."""
    ours = [role_name(prefix, role) for role in Role]
    parameters = {"tables": list(TABLE_NAMES), "ours": ours}
    grantees = {
        grantee
        for view in ("role_table_grants", "role_column_grants")
        for grantee in connection.scalars(text(_OTHERS.format(view=view)), parameters)
    }
    for grantee in sorted(grantees | {"PUBLIC"}):
        name = "PUBLIC" if grantee == "PUBLIC" else f'"{grantee}"'
        for table in TABLE_NAMES:
            connection.execute(text(f'REVOKE ALL ON "{table}" FROM {name}'))


def _statements(schema: str, prefix: str) -> Iterator[str]:
    for role, rights in RIGHTS.items():
        name = role_name(prefix, role)
        yield f'GRANT USAGE ON SCHEMA "{schema}" TO {name}'
        for table, verbs in rights.items():
            yield f'REVOKE ALL ON "{table}" FROM {name}'
            yield f'GRANT {", ".join(verbs)} ON "{table}" TO {name}'
    for table in ("ledger", "position"):
        yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
    for name, table, rule in _policies(prefix):
        yield f'DROP POLICY IF EXISTS {name} ON "{table}"'
        yield f'CREATE POLICY {name} ON "{table}" {rule}'


def _policies(prefix: str) -> Iterator[tuple[str, str, str]]:
    """Name, table and rule: everybody reads every row, and each role writes its own kind."""
    for table in ("ledger", "position"):
        yield f"{table}_read", table, "FOR SELECT USING (true)"
    for role, actions in ACTIONS.items():
        name = role_name(prefix, role)
        # Nobody notes another account than the own one beside the declared actor.
        rule = f"{_action(actions)} AND ran_by = session_user"
        yield f"{name}_adds", "ledger", f"FOR INSERT TO {name} WITH CHECK ({rule})"
    for role, moves in MOVES.items():
        name = role_name(prefix, role)
        rule = f"USING ({_state(moves.before)}) WITH CHECK ({_state(moves.after)})"
        yield f"{name}_moves", "position", f"FOR UPDATE TO {name} {rule}"
        if moves.starts:
            rule = f"WITH CHECK ({_state(frozenset({State.CANDIDATE}))})"
            yield f"{name}_starts", "position", f"FOR INSERT TO {name} {rule}"


def _action(actions: Actions) -> str:
    names = ", ".join(f"'{name}'" for name in sorted(actions.names))
    return f"action {'NOT ' if actions.excluded else ''}IN ({names})"


def _state(states: frozenset[State]) -> str:
    return f"state IN ({', '.join(repr(state.value) for state in sorted(states))})"


def _ensure_exact(
    connection: Connection, role: str, rights: Mapping[str, tuple[str, ...]]
) -> None:
    """Rights also come by a role that this one is in, which no REVOKE from it ends."""
    if connection.scalar(text(_MEMBER_OF_OWNER.format(role=":role")), {"role": role}):
        raise Refused(
            f"{role} owns the ledger, is in the role that does, or is a superuser: take that from it"
        )
    for table, verbs in rights.items():
        parameters = {"role": role, "table": f'"{table}"'}
        held = [
            verb
            for verb in _VERBS
            if verb not in verbs
            and connection.scalar(
                text(f"SELECT has_table_privilege(:role, :table, '{verb}')"), parameters
            )
        ]
        if held:
            raise Refused(
                f"{role} may still {', '.join(held)} the table {table}, by another role it is in"
            )


def _refused(engine: Engine, error: DBAPIError) -> UserError:
    words = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return UserError(f"the database {shown(engine.url)} refused: {words[0]}")
