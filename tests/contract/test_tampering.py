"""Whatever is done to the ledger with raw SQL, `audit` finds it by the heads that were exported."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from registry.audit import audit
from registry.heads import export_head, read_heads
from registry.keys import KeyRing
from sluice.store import open_store
from sluice.store.engine import parse_url
from sluice.store.ledger import seal
from sluice.store.records import LedgerRow
from tests.lib.stores import T0, a_promotion, register

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


@pytest.mark.parametrize(("statements", "found"), PLAIN.values(), ids=PLAIN)
def test_tampering_with_raw_sql_is_found(database_url, tmp_path, statements, found):
    filled(database_url, tmp_path)
    assert problems(database_url, tmp_path) == []
    execute(database_url, *statements)

    assert any(found in problem for problem in problems(database_url, tmp_path))


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


@pytest.mark.parametrize(("forge", "found"), CONSISTENT.values(), ids=CONSISTENT)
def test_a_consistent_forgery_is_found_by_the_exported_heads_alone(
    database_url, tmp_path, forge, found
):
    execute(database_url, *forge(filled(database_url, tmp_path)))

    assert problems(database_url, tmp_path, heads=False) == []
    assert any(found in problem for problem in problems(database_url, tmp_path))


@pytest.fixture
def backup(database_url, tmp_path, postgres):
    """Copy the whole database as it is now; returns the copy's URL."""
    urls = []

    def copy() -> str:
        if database_url.startswith("sqlite"):
            path = Path(str(parse_url(database_url).database))
            other = tmp_path / "backup.db"
            with (
                closing(sqlite3.connect(path)) as one,
                closing(sqlite3.connect(other)) as two,
            ):
                one.backup(two)
            return f"sqlite:///{other}"
        name = str(parse_url(database_url).database)
        urls.append(postgres().database(template=name))
        return urls[-1]

    yield copy
    for url in urls:
        postgres().drop(url)


def test_an_old_backup_is_found_by_the_exported_heads_alone(database_url, tmp_path, backup):
    with open_store(database_url) as store:
        register(store, "before")
    old = backup()
    with open_store(database_url) as store:
        register(store, "after")
        export_head(store, tmp_path / "heads", KeyRing(tmp_path / "keys"), T0)

    assert problems(database_url, tmp_path) == []
    assert problems(old, tmp_path, heads=False) == []
    assert problems(old, tmp_path) == [
        "the ledger ends at row 1, row 2 was written: truncated, or an old backup"
    ]


def test_a_backup_that_was_written_on_is_found_too(database_url, tmp_path, backup):
    with open_store(database_url) as store:
        register(store, "before")
    old = backup()
    with open_store(database_url) as store:
        register(store, "after")
        export_head(store, tmp_path / "heads", KeyRing(tmp_path / "keys"), T0)
    with open_store(old) as store:
        register(store, "another")
        register(store, "and another")

    assert problems(old, tmp_path, heads=False) == []
    assert problems(old, tmp_path) == [
        "ledger row 2 is not the one exported as head: rewritten"
    ]
