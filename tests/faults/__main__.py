"""What survives being killed, raced, stopped and tampered with: `python -m tests.faults [--json]`.

For each guarantee how many faults there were and how many were survived, and whether the same faults
turn a mutant red from which the guarantee was removed. Exit code 1 where one was not survived, or a
mutant passed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sluice.serving.release import open_release
from sluice.store.sql import SqlStore
from tests.faults.test_flow_crash import DOOMED, ingested_through_kills
from tests.lib import (
    broken_releases,
    damaged_code,
    damaged_promotions,
    damaged_releases,
    deployments,
    evidently_door,
    forged_pointers,
    forged_reviews,
    loosened,
    machine_mutants,
    missing_evidence,
    no_data,
    prefect_door,
    review_crashes,
    role_matrix,
    sql_roles,
    swapped_files,
    tampered_homes,
    tamperings,
)
from tests.lib.crash_mutants import MUTANTS
from tests.lib.crash_points import POINTS, tally
from tests.lib.crash_runs import Build, Deaths, Place
from tests.lib.crash_sites import Works
from tests.lib.promoters import DecidesBeforeItLocks, NotFenced, Stale, races
from tests.lib.promotion_machine import Promotions, SqlPromotions, broken
from tests.lib.releases import small_release, tree_release
from tests.lib.stores import DATABASES, Postgres, fresh_url, running_postgres

Faults = Callable[[type[SqlStore], str, Path], Iterable[str]]
"""Of a store at a URL, with a folder: what is wrong after each fault, empty where it was survived."""

Mutant = Callable[[], tuple[Any, str, Any]]
"""Names what it replaces, and by what."""
GUARANTEES = ("G1", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10", "G11", "G30")
MUTANT_ROUNDS = 20
MUTANT_SEEDS = 3
MUTANT_EXAMPLES = 200


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
    points: dict[str, str] = field(default_factory=dict[str, str])
    """Survived of how many, by the named point of death."""
    slowest_s: float | None = None
    """From a restart until everything agreed."""

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


def crashes(works: Works, operation: str, database: str, seeds: int, place: Callable[[], Place]) -> Survived:  # fmt: skip
    """Kill -9 at every named point of an operation, once for each seed."""
    began, deaths = time.perf_counter(), Deaths(works, Build(), operation)
    found = [each for seed in range(seeds) for each in deaths.of(seed, place)]
    red = {
        mutant.name: Deaths(works, mutant, operation).is_red(MUTANT_SEEDS, place)
        for mutant in MUTANTS
    }
    points = {
        point.name: [each.wrong for each in found if each.point is point]
        for point in POINTS[operation]
    }
    survived = _survived(
        "G1 G2", f"kill -9 at {len(points)} named points of a {operation}: store, ledger head, "
        "alias, pointer and readiness agree", database,
        [f"{each.point.name}: {each.wrong}" if each.wrong else "" for each in found], red, began,
    )  # fmt: skip
    slowest = max((each.seconds for each in found), default=None)
    return replace(survived, points=tally(points), slowest_s=slowest)


def reviews(database: str, place: Callable[[], Place]) -> Survived:
    """Kill -9 around the ledger row of a review in MLflow, approving and rejecting."""
    began, wrong, red = time.perf_counter(), {}, {}
    with place() as (url, folder):
        wrong |= dict(review_crashes.reviews(review_crashes.Build(), folder / "desk", url))
    for mutant in review_crashes.MUTANTS:
        with place() as (url, folder):
            red[mutant.name] = review_crashes.is_red(mutant, folder / "desk", url)
    survived = _survived(
        "G1 G2", "kill -9 between a review's ledger row and its tag in MLflow: one row, and they agree",
        database, [f"{name}: {each}" if each else "" for name, each in wrong.items()], red, began,
    )  # fmt: skip
    return replace(survived, points=tally({name: [each] for name, each in wrong.items()}))


def any_order(
    machine: type[Promotions], database: str, examples: int, steps: int
) -> Survived:
    """The state machine, whose requests die in any order while the clock jumps."""
    began = time.perf_counter()
    wrong = broken(machine, examples, steps)
    red = {}
    for mutant in machine_mutants.MUTANTS if machine is Promotions else ():
        with machine_mutants.mutated(mutant):
            red[mutant.__name__] = bool(broken(machine, MUTANT_EXAMPLES, steps))
    found = _survived(
        "G10", f"any order of {steps} requests, deaths and clock jumps: G1, G5, G9", database,
        [wrong], red, began,
    )  # fmt: skip
    # Hypothesis stops at the first violation and does not say in which example.
    return replace(found, survived=0 if wrong else examples, total=examples)


def trials(rounds: int, stops: int) -> Iterator[Trial]:
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


def drill(
    guarantee: str, what: str, where: str, wrong: Callable[[], Iterable[str]],
    mutants: Iterable[Mutant],
) -> Survived:  # fmt: skip
    """Faults that need nothing from outside, and the same again with a guarantee taken out."""
    began = time.perf_counter()
    found, red = list(wrong()), {}
    for mutant in mutants:
        with machine_mutants.mutated(mutant):
            red[mutant.__name__] = any(wrong())
    return _survived(guarantee, what, where, found, red, began)


def missing() -> Survived:
    return drill(
        "G5", "a piece of an approved version's evidence taken away or altered: it does not serve",
        "memory", lambda: (missing_evidence.served_without([name]) for name in missing_evidence.ITEMS),
        missing_evidence.MUTANTS,
    )  # fmt: skip


def unreviewed(database: str, place: Callable[[], Place]) -> Survived:
    """Decisions of people that nobody made, and a verdict changed by SQL."""
    return drill(
        "G5", "an approval that nobody gave, rightly chained, or a verdict changed by SQL: refused and named",
        database, lambda: forged_reviews.all_of(place), forged_reviews.MUTANTS,
    )  # fmt: skip


def nothing() -> Survived:
    return drill(
        "G6", "no data, in every way there is: inconclusive, and held", "memory",
        lambda: map(no_data.let_on_by, no_data.NO_DATA), no_data.MUTANTS,
    )  # fmt: skip


def loosened_rules(guarantee: str) -> Iterator[Survived]:
    """What gates know not to know, and what people's rules hold."""
    for of, what, wrong, mutants in loosened.DRILLS:
        if of == guarantee:
            yield drill(of, what, "memory", wrong, mutants)


def damaged() -> Survived:
    """The bytes of an approved release change."""

    def wrong() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for number in (1, 2):
                small_release(folder / "pristine", number)
            for damage in damaged_releases.DAMAGES:
                copy = folder / damage.__name__
                yield damaged_releases.served_after(damage, folder / "pristine", copy)

    return drill(
        "G7", "a release changed after its approval: refused before it is parsed", "files",
        wrong, damaged_releases.MUTANTS,
    )  # fmt: skip


def swapped() -> Survived:
    """The bytes of an approved release change between the check and the load."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pristine = folder / "pristine" / tree_release(folder / "pristine")
        # Before any mutant is put in, which would not open this one as it stands.
        expected = swapped_files.answers(open_release(pristine, pristine.name))

        def wrong() -> Iterator[str]:
            for file in swapped_files.names(pristine):
                copy = swapped_files.copied(pristine, folder / "copy")
                yield swapped_files.served_after_a_swap(copy, (file,), expected)

        return drill(
            "G7", "a file swapped after it was read: server and child load what was read", "files",
            wrong, swapped_files.MUTANTS,
        )  # fmt: skip


def damaged_bento() -> Survived:
    """The code inside a Bento changes after its release was packaged."""

    def wrong() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as name:
            for damage in damaged_code.DAMAGES:
                source = Path(name) / damage.__name__ / "src"
                yield damaged_code.runs_after(damage, source)

    return drill(
        "G7", "code changed in a Bento, compiled code too: refused by name before it runs", "files",
        wrong, damaged_code.MUTANTS,
    )  # fmt: skip


def promoted_damage() -> Survived:
    """The bytes of an approved release, or its Bento's code, change before it is promoted."""

    def wrong() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as name:
            for damage in damaged_promotions.DAMAGES:
                yield damaged_promotions.promoted_after(
                    damage, Path(name) / damage.__name__
                )

    return drill(
        "G7", "a release or Bento changed after its approval: not promoted, nothing moves", "files",
        wrong, damaged_promotions.MUTANTS,
    )  # fmt: skip


def forged() -> Survived:
    """Somebody without the key writes the serving pointer."""

    def wrong() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as name:
            for forge in forged_pointers.FORGED:
                yield forged_pointers.taken_after(forge, Path(name) / forge.__name__)

    return drill(
        "G7", "a pointer that no trusted key signed: refused, and mended by who has the key", "files",
        wrong, forged_pointers.MUTANTS,
    )  # fmt: skip


def broken_models(count: int) -> Survived:
    """Releases that are signed and broken, taken by a server that answers meanwhile."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        yard = broken_releases.Yard.make(Path(name))
        found = broken_releases.contained(yard, list(broken_releases.seeds(count)))
        with machine_mutants.mutated(broken_releases.no_child):
            kinds = list(broken_releases.seeds(len(broken_releases.BREAKS)))
            red = any(broken_releases.contained(yard, kinds).values())
    wrong = [f"{name}: {each}" if each else "" for name, each in found.items()]
    return _survived(
        "G8", "a broken release, correctly signed: the server lives, and answers as before", "server",
        wrong, {"no_child": red}, began,
    )  # fmt: skip


def tampered(database: str, place: Callable[[], Place], postgres: Postgres) -> Survived:
    """The ledger changed by SQL, and old backups put back."""

    def wrong() -> Iterator[str]:
        for name in (*tamperings.PLAIN, *tamperings.CONSISTENT):
            with place() as (url, folder):
                yield tamperings.unseen_after(name, url, folder)
        for name in tamperings.BACKUPS:
            with place() as (url, folder):
                yield tamperings.unseen_backup(name, url, folder, lambda: postgres)

    return drill(
        "G9", "tampering with the ledger by SQL, and old backups: found", database, wrong,
        tamperings.MUTANTS,
    )  # fmt: skip


def tampered_home() -> Survived:
    """A whole home changed by SQL and by hand: records, heads, releases, signatures, keys."""
    with tempfile.TemporaryDirectory() as name:
        pristine = Path(name) / "pristine"
        tampered_homes.make(pristine)

        def wrong() -> Iterator[str]:
            for kind in tampered_homes.ALL:
                with tempfile.TemporaryDirectory() as copy:
                    yield tampered_homes.unseen_after(kind, pristine, Path(copy) / "home")

        return drill(
            "G9", "tampering with records, heads, keys, releases and Bentos of a home: named", "files",
            wrong, tampered_homes.MUTANTS,
        )  # fmt: skip


def every_role(postgres: Postgres) -> Iterator[Survived]:
    """What nobody but the promoter may do: through MLflow, raw REST included, and by SQL."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        wrong = role_matrix.matrix(Path(one))
        red = {"allows_all": any(role_matrix.matrix(Path(other), role_matrix.ALLOWS_ALL))}
    what = "every role at every route of MLflow's registry: as the declared matrix says"
    yield _survived("G30", what, "mlflow", wrong, red, began)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        wrong = list(sql_roles.overstepped(lambda: postgres, Path(one)))
        again = sql_roles.overstepped(lambda: postgres, Path(other), mutant=True)
        red = {"all_rights": any(again)}
    what = "five roles at every table, verb, action and state: as the declared matrix says"
    yield _survived("G30", what, "postgresql", wrong, red, began)


def doors() -> Iterator[Survived]:
    """What a stranger gets from Prefect and Evidently, and what a rewritten deployment runs."""
    yield drill(
        "G30", "a stranger at Prefect's API, pages and events: refused", "prefect",
        prefect_door.entered, prefect_door.MUTANTS,
    )  # fmt: skip
    yield drill(
        "G30", "a deployment rewritten in Prefect: its run is refused, and no other code runs",
        "prefect", deployments.would_run, [deployments.rows_are_believed],
    )  # fmt: skip
    yield drill(
        "G30", "every flow and every deployment: none takes a reviewer, an actor or a home", "prefect",
        deployments.open_parameters, deployments.PARAMETER_MUTANTS,
    )  # fmt: skip
    yield drill(
        "G30", "a stranger and a foreign page at Evidently: refused", "evidently",
        evidently_door.entered, evidently_door.MUTANTS,
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


def everything(given: argparse.Namespace, postgres: Postgres) -> Iterator[Survived]:
    """All that is asked for, the quick ones first."""
    places = {each: partial(_place, each, postgres) for each in DATABASES}
    raced, stale = trials(given.rounds, given.stops)
    steps = given.steps
    chapters: tuple[tuple[str, Callable[[], Iterable[Survived]]], ...] = (
        ("G5", lambda: [missing()]),
        ("G5", lambda: (unreviewed(each, place) for each, place in places.items())),
        ("G5", lambda: loosened_rules("G5")),
        ("G6", lambda: [nothing()]),
        ("G6", lambda: loosened_rules("G6")),
        ("G7", lambda: [damaged()]),
        ("G7", lambda: [swapped()]),
        ("G7", lambda: [damaged_bento()]),
        ("G7", lambda: [promoted_damage()]),
        ("G7", lambda: [forged()]),
        ("G9", lambda: (tampered(each, place, postgres) for each, place in places.items())),
        ("G9", lambda: [tampered_home()]),
        ("G9", lambda: loosened_rules("G9")),
        ("G30", doors),
        ("G30", lambda: every_role(postgres)),
        ("G3", lambda: (raced.on(each, place) for each, place in places.items())),
        ("G4", lambda: (stale.on(each, place) for each, place in places.items())),
        ("G1", lambda: (reviews(each, place) for each, place in places.items())),
        ("G1", lambda: deaths(given.seeds, places)),
        ("G11", lambda: [ingest(given.every)]),
        ("G8", lambda: [broken_models(given.broken)]),
        ("G10", lambda: [any_order(Promotions, "memory", given.examples, steps)]),
        ("G10", lambda: [any_order(SqlPromotions, "sqlite", given.examples // 20, steps)]),
    )
    for guarantee, found in chapters:
        if guarantee in (given.only or GUARANTEES):
            yield from found()


def deaths(seeds: int, places: Mapping[str, Callable[[], Place]]) -> Iterator[Survived]:
    """Every operation on every database."""
    with tempfile.TemporaryDirectory() as folder:
        works = Works.make(Path(folder))
        for operation in POINTS:
            for database, place in places.items():
                yield crashes(works, operation, database, seeds, place)


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
    parser.add_argument(
        "--seeds", type=int, default=20, help="of the stories around each kill"
    )
    parser.add_argument("--rounds", type=int, default=200, help="of 16 promoters at once")
    parser.add_argument("--stops", type=int, default=50, help="promoters stopped and woken")
    parser.add_argument(
        "--every", type=int, default=1, help="kill an ingest at every so-many-th write"
    )
    parser.add_argument("--examples", type=int, default=2000, help="of the state machine")
    parser.add_argument(
        "--broken", type=int, default=200, help="releases given to a server"
    )
    parser.add_argument(
        "--only", nargs="+", choices=GUARANTEES, metavar="G", help=" ".join(GUARANTEES)
    )
    parser.add_argument("--steps", type=int, default=50, help="of each example")
    given = parser.parse_args()
    found: list[Survived] = []

    with running_postgres() as postgres:
        for each in everything(given, postgres):
            found.append(each)
            sys.stderr.write(f"{line(each)}\n")
    holds = all(each.holds for each in found)
    if given.json:
        rows = [{**asdict(each), "holds": each.holds} for each in found]
        sys.stdout.write(json.dumps({"holds": holds, "guarantees": rows}, indent=2) + "\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
