"""G9: what can be done to the ledger by SQL, and what `audit` has to say of it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from sluice.registry import audit as auditing
from sluice.registry.audit import audit
from sluice.registry.heads import export_head, read_heads
from sluice.registry.keys import KeyRing
from sluice.store import open_store
from sluice.store.engine import parse_url
from sluice.store.ledger import seal, verify
from sluice.store.records import LedgerRow
from tests.lib.machine_mutants import hashes_nothing
from tests.lib.stores import T0, Postgres, a_promotion, register

ROWS = 6


def filled(url: str, folder: Path) -> tuple[LedgerRow, ...]:
    """Five registrations and a promotion; heads are exported after the fourth row and the last."""
    ring = KeyRing(folder / "keys")
    with open_store(url) as store:
        for number in range(1, ROWS):
            register(store, f"run-{number}")
            if number == 4:
                export_head(store, folder / "heads", ring, T0)
        store.transition(a_promotion(1))
        export_head(store, folder / "heads", ring, T0)
        return store.find(LedgerRow)


def problems(url: str, folder: Path, *, heads: bool = True) -> list[str]:
    exported, unread = read_heads(folder / "heads", KeyRing(folder / "keys").known())
    with open_store(url) as store:
        expected = [each.head for each in exported] if heads else []
        return [*unread, *audit(store, heads=expected)]


def execute(url: str, *statements: str) -> None:
    engine: Engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # What a database's owner may do: foreign keys and other triggers are off.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


COLUMNS = (
    "surface, version, action, actor, role, reason, before, after, evidence, epoch, "
    "idempotency_key, request, at, previous_hash, hash"
)
INSERTED = (
    f"INSERT INTO ledger (sequence, {COLUMNS}) SELECT {{at}}, "
    f"{COLUMNS.replace('idempotency_key', chr(39) + 'forged' + chr(39))} "
    "FROM ledger WHERE sequence = 2"
)
PLAIN = {
    "an actor edited": (["UPDATE ledger SET actor = 'eve' WHERE sequence = 2"], "row 2 was edited"),
    "a reason edited": (["UPDATE ledger SET reason = 'fine' WHERE sequence = 6"], "row 6 was edited"),
    "a time moved": (["UPDATE ledger SET at = '2031-01-01' WHERE sequence = 1"], "row 1 was edited"),
    "evidence edited": (["UPDATE ledger SET evidence = '[]' WHERE sequence = 6"], "row 6 was edited"),
    "the first deleted": (["DELETE FROM ledger WHERE sequence = 1"], "row 2 stands where row 1"),
    "one deleted": (["DELETE FROM ledger WHERE sequence = 3"], "row 4 stands where row 3 should"),
    "two swapped": (
        [
            "UPDATE ledger SET sequence = 99 WHERE sequence = 3",
            "UPDATE ledger SET sequence = 3 WHERE sequence = 4",
            "UPDATE ledger SET sequence = 4 WHERE sequence = 99",
        ],
        "row 3 was edited",
    ),
    "one inserted between": (
        ["UPDATE ledger SET sequence = sequence + 100 WHERE sequence > 3",
         "UPDATE ledger SET sequence = sequence - 99 WHERE sequence > 100",
         INSERTED.format(at=4)],
        "row 4 was edited",
    ),
    "one appended": ([INSERTED.format(at=ROWS + 1)], "row 7 does not follow"),
    "the last cut off": (["DELETE FROM ledger WHERE sequence = 6"], "ends at row 5, row 6 was written"),
    "cut and emptied": (["DELETE FROM ledger"], "ends at row 0, row 4 was written"),
}  # fmt: skip


def rewritten(rows: tuple[LedgerRow, ...]) -> list[str]:
    """The actor of row 2 replaced, and every hash after it, by one who knows how rows are hashed."""
    chain: list[LedgerRow] = []
    for row in rows:
        forged = replace(row, actor="eve") if row.sequence == 2 else row
        chain.append(seal(forged, chain[-1] if chain else None))
    return [
        f"UPDATE ledger SET actor = '{row.actor}', previous_hash = '{row.previous_hash}', "
        f"hash = '{row.hash}' WHERE sequence = {row.sequence}"
        for row in chain
    ]


def cut_with_all_that_hangs_on_it(_: tuple[LedgerRow, ...]) -> list[str]:
    return [
        "DELETE FROM outbox WHERE sequence = 6",
        "DELETE FROM champion",
        "DELETE FROM ledger WHERE sequence = 6",
        "UPDATE position SET state = 'candidate', release = NULL",
    ]


CONSISTENT: dict[str, tuple[Callable[[tuple[LedgerRow, ...]], list[str]], str]] = {
    "rewritten whole": (rewritten, "row 4 is not the one exported as head"),
    "cut with all that hangs on it": (
        cut_with_all_that_hangs_on_it, "ends at row 5, row 6 was written",
    ),
}  # fmt: skip


@contextmanager
def backup_of(url: str, folder: Path, postgres: Callable[[], Postgres]) -> Iterator[str]:
    """URL of a copy of the whole database as it is now."""
    if url.startswith("sqlite"):
        path, other = Path(str(parse_url(url).database)), folder / "backup.db"
        with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(other)) as two:
            one.backup(two)
        yield f"sqlite:///{other}"
        return
    copy = postgres().database(template=str(parse_url(url).database))
    yield copy
    postgres().drop(copy)


BACKUPS = {
    "an old backup": (
        (), "the ledger ends at row 1, row 2 was written: truncated, or an old backup",
    ),
    "an old backup that was written on": (
        ("another", "and another"), "ledger row 2 is not the one exported as head: rewritten",
    ),
}  # fmt: skip


def unseen_after(name: str, url: str, folder: Path) -> str:
    """What is wrong once an empty database was filled and tampered with: empty where it is found."""
    rows = filled(url, folder)
    if early := problems(url, folder):
        return f"{early} before anything was done"
    if name in PLAIN:
        statements, told = PLAIN[name]
        execute(url, *statements)
    else:
        forge, told = CONSISTENT[name]
        execute(url, *forge(rows))
        if without := problems(url, folder, heads=False):
            return f"no consistent forgery, for {without}"
    found = problems(url, folder)
    return "" if any(told in each for each in found) else f"{name}: found only {found}"


def unseen_backup(
    name: str, url: str, folder: Path, postgres: Callable[[], Postgres]
) -> str:
    """What is wrong where a backup of an empty database is put back later: empty where it is found."""
    written, told = BACKUPS[name]
    with open_store(url) as store:
        register(store, "before")
    with backup_of(url, folder, postgres) as old:
        with open_store(url) as store:
            register(store, "after")
            export_head(store, folder / "heads", KeyRing(folder / "keys"), T0)
        with open_store(old) as store:
            for run in written:
                register(store, run)
        if early := problems(url, folder) + problems(old, folder, heads=False):
            return f"{early} without a look at the exported head"
        found = problems(old, folder)
    return "" if found == [told] else f"{name}: found {found}"


def forgets_the_heads() -> tuple[Any, str, Any]:
    """G9: the ledger is compared with itself alone."""
    return auditing, "verify", lambda rows, *_: verify(rows)


MUTANTS = (hashes_nothing, forgets_the_heads)
