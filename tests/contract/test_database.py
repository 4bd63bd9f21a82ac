"""What the SQL store promises about databases: opening, migrating, refusing, durability."""

import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from sluice.errors import Conflict, UserError
from sluice.registry.coverage import coverage
from sluice.store import change, open_store, sql
from sluice.store.canary import Canary
from sluice.store.change import request_digest
from sluice.store.content import KINDS
from sluice.store.engine import parse_url
from sluice.store.ledger import head, verify
from sluice.store.records import Champion, Document, LedgerRow, OutboxRow, Position
from sluice.store.tables import HEAD, TABLES, VERSION_TABLE, Base
from tests.lib.stores import T0, a_promotion, register


@pytest.fixture
def empty_url(request, tmp_path, postgres, database_url):
    """As `database_url`, but nothing was migrated yet."""
    if database_url.startswith("sqlite"):
        Path(str(parse_url(database_url).database)).parent.mkdir()
        yield database_url
        return
    url = postgres().database(template="template0")
    yield url
    postgres().drop(url)


def raw(url: str) -> Engine:
    return create_engine(parse_url(url))


def execute(url: str, *statements: str) -> None:
    engine = raw(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_every_kind_of_record_has_a_table_with_its_fields():
    assert set(TABLES) == set(KINDS)
    for kind, table in TABLES.items():
        columns = inspect(table).columns
        assert {column.name for column in columns} == {field.name for field in fields(kind)}
        assert {column.name for column in columns if column.primary_key} == set(kind.key)


def test_the_migrations_make_exactly_the_declared_tables(database_url):
    open_store(database_url).close()
    engine = raw(database_url)

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE}
        )
        differences = compare_metadata(context, Base.metadata)
        revision = context.get_current_revision()
    engine.dispose()

    assert differences == []
    assert revision == HEAD


def test_a_database_of_before_there_were_canaries_is_migrated_with_all_that_is_in_it(
    database_url, monkeypatch
):
    """Promoted, undelivered and retried over the upgrade: nothing moves twice."""
    with monkeypatch.context() as before, open_store(database_url) as store:
        before.setattr(change, "_vouched", lambda decided, _: decided)
        before.setattr(sql.Rows, "session", lambda _: None)
        register(store, "a")
        promoted = store.transition(a_promotion(1))
    execute(
        database_url,
        "DROP TABLE canary",
        "ALTER TABLE outbox DROP COLUMN share",
        *(
            f"ALTER TABLE ledger DROP COLUMN {name}"
            for name in ("covers", "ran_by", "signature")
        ),
        f"UPDATE {VERSION_TABLE} SET version_num = '0001'",
    )

    with open_store(database_url) as store:
        assert store.transition(a_promotion(1)) == promoted
        assert store.find(OutboxRow) == (
            OutboxRow(promoted.sequence, "feed", 1, "release 1", 1),
        )
        assert store.find(Canary) == ()
        assert verify(store.find(LedgerRow)) == []
        assert coverage(store).rows_before == 2


OF_BEFORE = "07caae21c0830428526f576a1f462e87e192442982a27961ee5176c324bcb703"
"""Digest of the request of `a_promotion(1)`, as the release without canaries computed it."""


def test_the_digest_of_a_request_is_as_before_there_were_canaries():
    assert request_digest(a_promotion(1)) == OF_BEFORE


def test_what_one_opening_wrote_the_next_one_reads(empty_url):
    with open_store(empty_url) as store:
        document = store.put(Document.of("gate", {"auc": 0.7}, T0))
    with open_store(empty_url) as store:
        assert store.find(Document) == (document,)


def open_and_register(arguments):
    url, run = arguments
    with open_store(url) as store:
        return register(store, run)


def test_eight_processes_may_open_and_migrate_one_database_at_once(empty_url):
    with get_context("fork").Pool(8) as pool:
        numbers = pool.map(open_and_register, [(empty_url, f"run-{n}") for n in range(16)])

    assert sorted(numbers) == list(range(1, 17))
    with open_store(empty_url) as store:
        assert verify(store.find(LedgerRow)) == []


def open_and_promote(arguments):
    url, number = arguments
    with open_store(url) as store:
        try:
            return store.transition(a_promotion(number)).version
        except Conflict:
            return None


def test_of_eight_promoting_processes_exactly_one_wins(database_url):
    with open_store(database_url) as store:
        for number in range(1, 9):
            register(store, f"run-{number}")

    with get_context("fork").Pool(8) as pool:
        versions = pool.map(
            open_and_promote, [(database_url, n) for n in range(1, 9)], chunksize=1
        )

    (won,) = [version for version in versions if version]
    with open_store(database_url) as store:
        assert store.find(Champion)[0].version == won
        assert verify(store.find(LedgerRow)) == []


def test_a_schema_of_a_newer_release_is_refused(database_url):
    open_store(database_url).close()
    execute(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(UserError, match=r"schema '9999'.*newer Sluice"):
        open_store(database_url)


def test_other_products_tables_are_left_alone(empty_url):
    execute(
        empty_url,
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('of MLflow')",
    )
    open_store(empty_url).close()

    engine = raw(empty_url)
    with engine.connect() as connection:
        assert (
            connection.scalar(text("SELECT version_num FROM alembic_version"))
            == "of MLflow"
        )
    engine.dispose()


TAMPERINGS = {
    "edited": ("UPDATE ledger SET actor = 'eve' WHERE sequence = 2", "row 2 was edited"),
    "deleted": ("DELETE FROM ledger WHERE sequence = 2", "row 3 stands where row 2 should"),
    "truncated": ("DELETE FROM ledger WHERE sequence = 4", "truncated"),
    "time moved": (
        "UPDATE ledger SET at = '2031-01-01' WHERE sequence = 1",
        "row 1 was edited",
    ),
}


@pytest.mark.parametrize(("statement", "found"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_ledger_edited_with_plain_sql_is_found_out(database_url, statement, found):
    with open_store(database_url) as store:
        for number in range(4):
            register(store, f"run-{number}")
        exported = head(store)
        execute(database_url, statement)

        assert any(found in problem for problem in verify(store.find(LedgerRow), exported))


def test_a_lost_commit_answer_is_settled_by_asking_again(database_url):
    """The commit went through and the process heard an error: the retry must not move twice."""
    with open_store(database_url) as store:
        register(store)
        row = store.transition(a_promotion(1))
    with open_store(database_url) as store:
        assert store.transition(a_promotion(1)) == row
        assert store.find(Champion)[0].epoch == 1


def test_readers_and_writers_at_once_never_meet_a_lock(database_url):
    with open_store(database_url) as store:

        def write(number):
            store.put(Document.of("gate", {"number": number}, T0))
            return register(store, f"run-{number}")

        def read(_):
            return len(store.find(Document)) + len(store.find(Position))

        with ThreadPoolExecutor(12) as pool:
            reads = [pool.submit(read, n) for n in range(60)]
            writes = [pool.submit(write, n) for n in range(40)]
            done = [each.result() for each in (*reads, *writes)]

        assert len(done) == 100
        assert len(store.find(Document)) == len(store.find(LedgerRow)) == 40


def test_a_sqlite_file_is_durable_and_for_its_owner_only(tmp_path):
    path = tmp_path / "a new" / "folder" / "sluice.db"
    with open_store(f"sqlite:///{path}") as store:
        register(store)
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()
        }
        with store._writing_engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }

    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000,
    }  # fmt: skip
    assert set(modes.values()) == {0o600}
    assert "sluice.db-wal" in modes


def unreachable(url: str, seconds: float = 10) -> str:
    begin = time.monotonic()
    with pytest.raises(UserError) as raised:
        open_store(url)
    assert time.monotonic() - begin < seconds
    return str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
def test_a_server_that_is_not_there_is_a_clear_message_without_the_password(host):
    message = unreachable(f"postgresql://ann:hunter2@{host}/sluice?sslpassword=hunter2")

    assert "did not answer" in message
    assert host.split(":")[0] in message
    assert "hunter2" not in message


def test_a_server_that_never_answers_is_given_up(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        message = unreachable(f"postgresql://ann:hunter2@127.0.0.1:{port}/sluice")

    assert "did not answer" in message
    assert "hunter2" not in message


def test_a_wrong_database_is_a_clear_message(postgres):
    url = postgres().database()
    postgres().drop(url)

    assert "does not exist" in unreachable(url)


@pytest.mark.parametrize(
    "content", [b"no database at all " * 100, b"SQLite format 3\0" + b"\1" * 200]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "sluice.db"
    path.write_bytes(content)

    assert "not a database" in unreachable(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_a_clear_message(tmp_path):
    (tmp_path / "file").touch()

    assert "cannot be made" in unreachable(f"sqlite:///{tmp_path / 'file' / 'sluice.db'}")
    assert [each.name for each in Path(tmp_path).iterdir()] == ["file"]
