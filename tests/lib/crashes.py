"""A process that is killed at a named point of a promotion, of a rollback or of a server's switch.

No hook stands in the code under test. A point is what SQLAlchemy's events show of the store, or what
is seen around a function that is wrapped in the doomed process alone: a file's write, its rename and
the sync of its folder, a call of MLflow's client, the server's own step from one release to the next.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import event

from sluice.store.engine import WRITES
from sluice.store.sql import SqlStore
from tests.lib.crash_points import Point

_STATEMENTS = {
    "INSERT INTO ledger": (Point.LEDGER,),
    "UPDATE position": (Point.STATE, Point.OTHER),
    "UPDATE champion": (Point.CHAMPION,),
    "INSERT INTO outbox": (Point.OUTBOX,),
    "UPDATE outbox": (Point.ACK,),
}


@dataclass(frozen=True)
class Folders:
    """Where the files lie whose writes are points."""

    heads: Path
    signatures: Path
    pointers: Path

    def steps(self, file: Path) -> dict[str, Point]:
        """The points of writing this file, by `torn`, `unnamed`, `named` and `synced`."""
        known = {
            self.heads: "HEAD",
            self.signatures: "SIGNATURE",
            self.pointers: "POINTER",
        }
        kind = known.get(file.parent)
        moments = ("TORN", "UNNAMED", "NAMED", "SYNCED")
        names = {moment.lower(): f"{kind}_{moment}" for moment in moments}
        return {
            moment: Point[name]
            for moment, name in names.items()
            if name in Point.__members__
        }


@dataclass
class Trap:
    """Kills its own process where it first comes to the fatal point after it is armed."""

    fatal: StrEnum | None
    armed: bool = False
    met: list[StrEnum] = field(default_factory=list)
    _wrote: str = ""

    def meet(self, point: StrEnum | None) -> None:
        if not self.armed or point is None or point in self.met:
            return
        self.met.append(point)
        if point is self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_store(self, store: SqlStore) -> None:
        from sluice.store import change

        engine = store._engine
        event.listen(engine, "begin", self._begin, insert=True)
        event.listen(engine, "before_cursor_execute", self._execute)
        event.listen(engine, "commit", self._commit)
        event.listen(engine, "checkin", self._checkin)
        self.around(SqlStore, "transition", before=Point.READ)
        self.around(change, "answered", before=Point.LEASE)

    def watch_files(self, folders: Folders) -> None:
        from sluice.data import atomic

        self._write_in_halves(folders)
        rename, sync = os.replace, atomic.sync_folder

        def replace(source: Any, target: Any) -> None:
            steps = folders.steps(Path(target))
            self.meet(steps.get("unnamed"))
            rename(source, target)
            self.meet(steps.get("named"))

        def sync_folder(folder: Path) -> None:
            sync(folder)
            self.meet(folders.steps(folder / "any").get("synced"))

        os.replace, atomic.sync_folder = replace, sync_folder

    def watch_receivers(self) -> None:
        from mlflow.tracking import MlflowClient

        from sluice.registry import attestation
        from sluice.serving.following import Following

        self.around(attestation, "_listed", before=Point.RELEASE)
        self.around(attestation.PointerReceiver, "deliver", before=Point.SIGNED)
        self.around(MlflowClient, "create_model_version", before=Point.COPY)
        alias = "set_registered_model_alias"
        self.around(MlflowClient, alias, before=Point.ALIAS, after=Point.ALIASED)
        self.around(Following, "_take_over", before=Point.SWITCH, after=Point.SWITCHED)

    def around(
        self,
        owner: Any,
        name: str,
        *,
        before: StrEnum | None = None,
        after: StrEnum | None = None,
    ) -> None:
        plain = getattr(owner, name)

        @wraps(plain)
        def watched(*arguments, **named):
            self.meet(before)
            done = plain(*arguments, **named)
            self.meet(after)
            return done

        setattr(owner, name, watched)

    def _write_in_halves(self, folders: Folders) -> None:
        plain = os.fdopen

        def fdopen(handle: int, *rest: Any) -> Any:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            torn = folders.steps(path).get("torn")
            file = plain(handle, *rest)
            return _Halves(file, lambda: self.meet(torn)) if torn else file

        os.fdopen = fdopen

    def _moves(self, connection):
        """Whether this transaction is the move: documents before it are put in some of their own."""
        return _writes(connection) and Point.READ in self.met

    def _begin(self, connection):
        if self._moves(connection):
            self.meet(Point.BEGIN)

    def _execute(self, connection, cursor, statement, *rest):
        self._wrote = " ".join(statement.split()[:3])
        kind = next((key for key in _STATEMENTS if self._wrote.startswith(key)), None)
        if kind and self._moves(connection):
            points = _STATEMENTS[kind]
            self.meet(next((point for point in points if point not in self.met), None))

    def _commit(self, connection):
        if self._moves(connection):
            self.meet(Point.COMMIT)

    def _checkin(self, *rest):
        if Point.ACK in self.met:
            self.meet(Point.ACKED)
        elif Point.COMMIT in self.met:
            self.meet(Point.COMMITTED)


class _Halves:
    """A file that is written in two halves, with a moment between them."""

    def __init__(self, file: Any, between: Callable[[], None]) -> None:
        self._file, self._between = file, between

    def write(self, content: bytes) -> None:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._between()
        self._file.write(content[half:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_Halves":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _writes(connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES))
