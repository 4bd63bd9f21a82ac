"""What survives being killed, raced and stopped: `python -m tests.faults [--json]`, `make faults`.

For each guarantee how many faults there were and how many were survived, and whether the same faults
turn a mutant red from which the guarantee was removed. Exit code 1 where one was not survived, or a
mutant passed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from sluice.store.sql import SqlStore
from tests.faults.test_flow_crash import DOOMED, ingested_through_kills
from tests.faults.test_promotion_crash import DualWrite, Harness, StateLate
from tests.lib.promoters import DecidesBeforeItLocks, NotFenced, Stale, races
from tests.lib.stores import DATABASES, Postgres, fresh_url, running_postgres

Faults = Callable[[type[SqlStore], str, Path], Iterable[str]]
"""Of a store at a URL, with a folder: what is wrong after each fault, empty where it was survived."""
Place = AbstractContextManager[tuple[str, Path]]
"""A URL of an empty database and a folder, gone afterwards."""

MUTANT_ROUNDS = 20


@dataclass(frozen=True)
class Survived:
    """One guarantee on one database."""

    guarantee: str
    what: str
    database: str
    survived: int
    total: int
    mutants: dict[str, bool]
    """By name, whether it turned red."""
    seconds: float
    first_wrong: str

    @property
    def holds(self) -> bool:
        return 0 < self.total == self.survived and all(self.mutants.values())


@dataclass(frozen=True)
class Trial:
    """Faults that a store is put to, and the stores that have to fail them."""

    guarantee: str
    what: str
    faults: Faults
    mutants: tuple[type[SqlStore], ...]
    mutant_faults: Faults

    def on(self, database: str, place: Callable[[], Place]) -> Survived:
        began = time.perf_counter()
        with place() as (url, folder):
            wrong = list(self.faults(SqlStore, url, folder))
        red = {}
        for mutant in self.mutants:
            with place() as (url, folder):
                red[mutant.__name__] = any(self.mutant_faults(mutant, url, folder))
        return _survived(self.guarantee, self.what, database, wrong, red, began)


def crashes(operation: str, kind: type[SqlStore], url: str, folder: Path) -> Iterator[str]:
    for _, wrong in Harness(kind, url, folder / "pointers").crashes(operation):
        yield wrong


def trials(rounds: int, stops: int) -> Iterator[Trial]:
    for operation in ("promotion", "rollback"):
        faults = partial(crashes, operation)
        what = f"kill -9 at every point of a {operation}: one champion, done again"
        yield Trial("G1 G2", what, faults, (DualWrite, StateLate), faults)
    yield Trial(
        "G3", "16 promoters at once: one wins, the others get a conflict",
        lambda kind, url, _: races(kind, url, rounds),
        (DecidesBeforeItLocks,), lambda kind, url, _: races(kind, url, MUTANT_ROUNDS),
    )  # fmt: skip
    yield Trial(
        "G4", "a promoter stopped before it writes, and woken too late: refused",
        lambda kind, url, _: Stale(kind, url).rounds(stops),
        (NotFenced,), lambda kind, url, _: Stale(kind, url).rounds(3),
    )  # fmt: skip


def ingest(every: int) -> Survived:
    """The flow whose every write is a file, and its mutant that writes in place."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        kills, wrong = ingested_through_kills(Path(one), DOOMED, every)
        _, red = ingested_through_kills(Path(other), "tests.lib.torn", every)
    return _survived(
        "G11", "kill -9 an ingest at its writes, rerun: the undisturbed log", "files",
        [wrong] * kills, {"writes in place": bool(red)}, began,
    )  # fmt: skip


def _survived(
    guarantee: str, what: str, database: str, wrong: list[str], red: dict[str, bool], began: float
) -> Survived:  # fmt: skip
    return Survived(
        guarantee=guarantee,
        what=what,
        database=database,
        survived=sum(not each for each in wrong),
        total=len(wrong),
        mutants=red,
        seconds=time.perf_counter() - began,
        first_wrong=next((each for each in wrong if each), ""),
    )


def run(rounds: int, stops: int, every: int, tell: Callable[[Survived], None]) -> bool:
    """Everything on both databases; returns whether all holds."""
    holds = []
    with running_postgres() as postgres:
        for trial in trials(rounds, stops):
            for database in DATABASES:
                found = trial.on(database, partial(_place, database, postgres))
                tell(found)
                holds.append(found.holds)
    found = ingest(every)
    tell(found)
    return all([*holds, found.holds])


@contextmanager
def _place(database: str, postgres: Postgres) -> Iterator[tuple[str, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="sluice-faults-") as folder,
        fresh_url(database, Path(folder), lambda: postgres) as url,
    ):
        yield url, Path(folder)


def line(found: Survived) -> str:
    red = ", ".join(
        f"{name} {'red' if red else 'PASSED'}" for name, red in found.mutants.items()
    )
    mark = "ok  " if found.holds else "FAIL"
    text = f"{mark} {found.guarantee:<6} {found.database:<11} {found.survived:>4}/{found.total:<4} "
    return f"{text}{found.seconds:>6.1f} s  {found.what}; mutants: {red}  {found.first_wrong}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=200, help="of 16 promoters at once")
    parser.add_argument("--stops", type=int, default=50, help="promoters stopped and woken")
    parser.add_argument(
        "--every", type=int, default=1, help="kill an ingest at every so-many-th write"
    )
    given = parser.parse_args()
    found: list[Survived] = []

    def tell(each: Survived) -> None:
        found.append(each)
        sys.stderr.write(f"{line(each)}\n")

    holds = run(given.rounds, given.stops, given.every, tell)
    if given.json:
        rows = [{**asdict(each), "holds": each.holds} for each in found]
        sys.stdout.write(json.dumps({"holds": holds, "guarantees": rows}, indent=2) + "\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
