"""G30 on PostgreSQL: what the application's role may not do, and what is found where it does too much."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from registry.audit import audit
from registry.pointer import PointerReceiver, read_pointer
from registry.relay import relay
from sluice.store import open_store
from sluice.store.records import State
from sluice.store.roles import protect_ledger
from tests.lib.promotions import bring, release_of
from tests.lib.stores import Postgres

ROLE = "sluice_app"
ALL_RIGHTS = f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}"
"""The mutant: a role that was never held to less."""


def run(url: str, statement: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement.encode())


def known(url: str) -> bool:
    with closing(psycopg.connect(url)) as connection:
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        return found.fetchone() is not None


@contextmanager
def owners(postgres: Callable[[], Postgres]) -> Iterator[str]:
    """URL of a migrated database, as its owner."""
    url = postgres().database()
    yield url
    run(url, f"DROP OWNED BY {ROLE}") if known(url) else None
    postgres().drop(url)


@contextmanager
def applications(owner: str) -> Iterator[str]:
    """URL of the owner's database, as the application's role."""
    protect_ledger(owner, ROLE)
    run(owner, f"ALTER ROLE {ROLE} LOGIN")
    yield make_url(owner).set(username=ROLE).render_as_string(hide_password=False)
    run(owner, f"REVOKE ALL ON ledger FROM PUBLIC, {ROLE}")


TAMPERINGS = (
    "UPDATE ledger SET actor = 'eve'",
    "UPDATE ledger SET hash = hash WHERE false",
    "DELETE FROM ledger",
    "TRUNCATE ledger CASCADE",
    "DROP TABLE ledger CASCADE",
    "ALTER TABLE ledger DISABLE TRIGGER ALL",
    "ALTER TABLE ledger RENAME TO other",
    "CREATE RULE quiet AS ON INSERT TO ledger DO INSTEAD NOTHING",
    "GRANT UPDATE ON ledger TO PUBLIC",
    "SET session_replication_role = replica",
    "DELETE FROM version",
    "DELETE FROM outbox",
    "UPDATE outbox SET release = 'mine'",
    "UPDATE verdict SET outcome = 'pass'",
    "UPDATE document SET body = '{}'",
    "UPDATE release SET digest = 'mine'",
    "UPDATE sluice_alembic_version SET version_num = '0'",
)


def done_by_the_role(statement: str, application: str) -> str:
    """What is wrong with a tampering statement by the role, in an empty database: empty where refused."""
    with open_store(application) as store:
        bring(store, State.CHAMPION, "a")
    # PostgreSQL says of some that only the owner may, and counts that as the same error; a GRANT of
    # what one has not is answered by a warning and does nothing.
    asked = [statement]
    if statement.startswith("GRANT"):
        run(application, statement)
        asked = ["UPDATE ledger SET actor = 'eve'"]
    try:
        run(application, asked[0])
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
"""What the role must be allowed, for it promotes; done past the promotion machine, it is found."""


def unseen_move(statement: str, application: str, folder: Path) -> str:
    """What is wrong once the role moved the champion by SQL alone: empty where found, and served nowhere."""
    with open_store(application) as store:
        first = bring(store, State.CHAMPION, "a")
        bring(store, State.CHAMPION, "b")
        relay(store, [PointerReceiver(folder)])
        if early := audit(store, pointers=folder):
            return f"{early} before anything was done"
        run(application, statement.format(first=release_of(first)))
        if not audit(store, pointers=folder):
            return f"{statement}: not found"
        relay(store, [PointerReceiver(folder)])
    pointer = read_pointer(folder, "feed")
    return "" if pointer and pointer.version == 2 else f"{statement}: {pointer} serves"


def overstepped(
    postgres: Callable[[], Postgres], folder: Path, *, mutant: bool = False
) -> Iterator[str]:
    """Each statement in a database of its own: what is wrong with what became of it."""
    for nth, statement in enumerate((*TAMPERINGS, *OTHERS_WORK)):
        with owners(postgres) as owner, applications(owner) as application:
            if mutant:
                run(owner, ALL_RIGHTS)
            if statement in TAMPERINGS:
                yield done_by_the_role(statement, application)
            else:
                yield unseen_move(statement, application, folder / str(nth))
