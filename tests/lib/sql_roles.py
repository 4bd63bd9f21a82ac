"""G30 on PostgreSQL: what each of the five roles may do, cell by cell, against the declared matrix."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import psycopg
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from sluice.registry.audit import audit
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import relay
from sluice.store import open_store
from sluice.store.record import State
from sluice.store.role_matrix import ACTIONS, MOVES, RIGHTS, TABLE_NAMES, Role
from sluice.store.roles import protect, role_name
from sluice.store.tables import TABLES
from tests.lib.promotions import bring, release_of
from tests.lib.stores import Postgres

PREFIX = "sluice"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
LEDGER_ACTIONS = (
    "register", "gate", "package", "submit", "approve", "reject", "waive", "promote", "confirm",
    "rollback", "revert", "canary", "canary_stop", "withdraw",
)  # fmt: skip


def run(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement.encode())


@contextmanager
def owners(postgres: Callable[[], Postgres]) -> Iterator[str]:
    """URL of a migrated database, as its owner."""
    url = postgres().database()
    yield url
    postgres().drop(url)


def account(owner: str, role: Role) -> str:
    """URL of the owner's database, as an account that is in the role alone."""
    name = f"{role}_account"
    run(owner, f"DROP ROLE IF EXISTS {name}")
    run(owner, f"CREATE ROLE {name} LOGIN IN ROLE {role_name(PREFIX, role)}")
    return make_url(owner).set(username=name).render_as_string(hide_password=False)


def wrong_cells(owner: str) -> Iterator[str]:
    """For each table, verb and role, and each row that a role may or may not write: what is wrong.

    Args:
        owner: URL of a protected database with one version, as a superuser.
    """
    with closing(psycopg.connect(owner)) as connection:
        for role, table, verb in product(Role, TABLE_NAMES, VERBS):
            allowed = role is Role.MIGRATOR or _holds(RIGHTS[role][table], verb)
            asked = _statement(table, verb, _column(role, table))
            yield _checked(connection, role, asked, allowed=allowed)
        for role, action in product(RIGHTS, LEDGER_ACTIONS):
            allowed = role in ACTIONS and ACTIONS[role].allow(action)
            yield _checked(connection, role, _ledger_row(action), allowed=allowed)
            lie = _ledger_row(action, ran_by="'somebody'")
            yield _checked(connection, role, lie, allowed=False)
        for role, before, after in product(RIGHTS, State, State):
            moves = MOVES.get(role)
            allowed = moves is not None and before in moves.before and after in moves.after
            yield _checked_move(connection, role, before, after, allowed=allowed)


def _holds(verbs: tuple[str, ...], verb: str) -> bool:
    return any(each.startswith(verb) for each in verbs)


def _column(role: Role, table: str) -> str:
    """What an UPDATE changes: where one column may be, that one."""
    if role in RIGHTS and "UPDATE (delivered)" in RIGHTS[role][table]:
        return "delivered"
    known = {each.__tablename__: each for each in TABLES.values()}
    return (
        next(iter(known[table].__table__.columns.keys()))
        if table in known
        else "version_num"
    )


def _statement(table: str, verb: str, column: str) -> str:
    """One that does nothing, and that PostgreSQL refuses to whom it is not granted."""
    return {
        "SELECT": f'SELECT 1 FROM "{table}" WHERE false',
        "INSERT": f'INSERT INTO "{table}" SELECT * FROM "{table}" WHERE false',
        "UPDATE": f'UPDATE "{table}" SET "{column}" = "{column}" WHERE false',
        "DELETE": f'DELETE FROM "{table}" WHERE false',
        "TRUNCATE": f'TRUNCATE "{table}" CASCADE',
    }[verb]


def _ledger_row(action: str, ran_by: str = "session_user") -> str:
    return (
        "INSERT INTO ledger (sequence, surface, version, action, actor, role, reason, after, evidence, "
        "idempotency_key, request, at, previous_hash, hash, ran_by) VALUES "
        f"(999, 'feed', 1, '{action}', 'rita', 'r', '', 'approved', '[]', 'k', '', now(), '', '', {ran_by})"
    )


def _checked(
    connection: psycopg.Connection, role: Role, statement: str, *, allowed: bool
) -> str:
    try:
        done = _tried(connection, role, statement)
    except InsufficientPrivilege:
        return f"{role} may not: {statement}" if allowed else ""
    return "" if done is not None and allowed else f"{role} may: {statement}"


def _checked_move(
    connection: psycopg.Connection,
    role: Role,
    before: State,
    after: State,
    *,
    allowed: bool,
) -> str:
    connection.execute(f"UPDATE position SET state = '{before}'".encode())
    try:
        done = _tried(connection, role, f"UPDATE position SET state = '{after}'")
    except InsufficientPrivilege:
        done = 0
    connection.rollback()
    return "" if (done == 1) is allowed else f"{role} moved {done} from {before} to {after}"


def _tried(connection: psycopg.Connection, role: Role, statement: str) -> int:
    """Rows that the statement touched as the role; undone."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE {role_name(PREFIX, role)}".encode())
        return connection.execute(statement.encode()).rowcount


@contextmanager
def protected(postgres: Callable[[], Postgres]) -> Iterator[str]:
    """URL, as the owner, of a database with the five roles and one candidate."""
    with owners(postgres) as owner:
        protect(owner, PREFIX)
        with open_store(owner) as store:
            bring(store, State.CANDIDATE)
        yield owner


ALL_RIGHTS = (
    f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role_name(PREFIX, Role.TRAINER)}",
    "ALTER TABLE ledger DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE position DISABLE ROW LEVEL SECURITY",
)
"""The mutant: roles that were never held to less."""

TAMPERINGS = (
    "ALTER TABLE ledger DISABLE TRIGGER ALL",
    "ALTER TABLE ledger DISABLE ROW LEVEL SECURITY",
    "DROP POLICY sluice_trainer_adds ON ledger",
    "ALTER TABLE ledger RENAME TO other",
    "DROP TABLE ledger CASCADE",
    "CREATE RULE quiet AS ON INSERT TO ledger DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
    "SET ROLE sluice_reviewer",
    "SET ROLE sluice_migrator",
)
"""What is no verb on a table, by an account of the trainer's and of the promoter's."""


def tampered(statement: str, url: str) -> str:
    """What is wrong with a statement by an account: empty where it is refused."""
    try:
        run(url, statement)
    except InsufficientPrivilege:
        return ""
    except psycopg.Error as error:
        return f"{statement}: refused by chance: {error}"
    return f"{statement}: done"


OTHERS_WORK = (
    "UPDATE champion SET version = 1, release = '{first}', last_good_version = NULL",
    "UPDATE champion SET epoch = epoch + 1",
    "UPDATE position SET state = 'champion' WHERE version = 1",
)
"""What the promoter must be allowed; done past the promotion machine, it is found."""


def unseen_move(statement: str, owner: str, folder: Path) -> str:
    """What is wrong once the promoter moved the champion by SQL alone: empty where found, and served nowhere."""
    with open_store(owner) as store:
        first = bring(store, State.CHAMPION, "a")
        bring(store, State.CHAMPION, "b")
        relay(store, [PointerReceiver(folder)])
        if early := audit(store, pointers=folder):
            return f"{early} before anything was done"
        run(account(owner, Role.PROMOTER), statement.format(first=release_of(first)))
        if not audit(store, pointers=folder):
            return f"{statement}: not found"
        relay(store, [PointerReceiver(folder)])
    pointer = read_pointer(folder, "feed")
    return "" if pointer and pointer.version == 2 else f"{statement}: {pointer} serves"


def overstepped(
    postgres: Callable[[], Postgres], folder: Path, *, mutant: bool = False
) -> Iterator[str]:
    """Every cell of the matrix, and what goes past it: what is wrong with what became of each."""
    with protected(postgres) as owner:
        for statement in ALL_RIGHTS if mutant else ():
            run(owner, statement)
        yield from wrong_cells(owner)
        for role, statement in product((Role.TRAINER, Role.PROMOTER), TAMPERINGS):
            yield tampered(statement, account(owner, role))
    for nth, statement in enumerate(OTHERS_WORK):
        with owners(postgres) as owner:
            protect(owner, PREFIX)
            yield unseen_move(statement, owner, folder / str(nth))
