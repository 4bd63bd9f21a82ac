"""Promotions and rollbacks that die at a named point, and what is left after the restart.

A seed varies what comes before the fault, beside it and after it; every point of an operation is
died at once for each seed, in an order of the seed's own, over one installation whose history grows.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sluice.errors import SluiceError
from sluice.registry.promotion import champion_of
from sluice.store.records import State, Version
from sluice.store.sql import SqlStore
from tests.lib.crash_points import POINTS, SERVING, SIGNING, Point, is_committed
from tests.lib.crash_sites import SURFACES, Opened, Site, Works, a_server, served
from tests.lib.crashes import Trap
from tests.lib.forked import FORK, Child, Ended, Say
from tests.lib.promotions import promote

AGREE_SECONDS = 60.0
Place = AbstractContextManager[tuple[str, Path]]
"""A URL of an empty database and a folder, gone afterwards."""


@dataclass(frozen=True)
class Build:
    """What is installed: our code, or a mutant of it."""

    name: str = "sluice"
    kind: type[SqlStore] = SqlStore
    altered: Callable[[], None] = lambda: None
    """Takes one guarantee out of the process that calls it."""
    points: tuple[Point, ...] = ()
    """Where that shows; of our own code, everywhere."""


@dataclass(frozen=True)
class Tale:
    """What a seed chooses around one fault."""

    surface: str
    confirmed: bool
    """Whether the champion before it has reached `champion`, or is still provisional."""
    rotated: bool
    """Whether the signing key was replaced and the old one revoked shortly before."""
    beside: bool
    """Whether a second client promotes on another surface at the same time."""
    asked_again: int
    """How often the operation is asked for again after the restart."""
    mended: str
    """What the restart does then: `relay`, as the next flow does, or `mirror`, as the watcher."""
    at_once: bool
    """Whether two restarts mend at the same time."""
    echoed: bool
    """Whether an earlier promotion is asked for again too."""
    wait: float
    """Seconds between death and restart."""

    @classmethod
    def of(cls, rng: random.Random, point: Point) -> "Tale":
        return cls(
            surface=rng.choice(SURFACES[:2]),
            confirmed=rng.random() < 0.5,
            rotated=point in SIGNING or rng.random() < 0.2,
            beside=rng.random() < 0.2,
            asked_again=rng.choice((0, 0, 1, 2, 5)),
            mended=rng.choice(("relay", "mirror")),
            at_once=rng.random() < 0.1,
            echoed=rng.random() < 0.3,
            wait=rng.choice((0.0, 0.0, 0.05)),
        )


@dataclass(frozen=True)
class Death:
    """One fault and what came of it."""

    point: Point
    wrong: str
    """Empty where it was survived."""
    seconds: float
    """From the restart until all five agreed."""
    died: bool = True
    """False where the process did not come to that point, which counts as wrong too."""


@dataclass(frozen=True)
class Run:
    """One operation that dies at one point."""

    site: Site
    build: Build
    operation: str
    point: Point
    tale: Tale
    name: str

    def death(self) -> Death:
        armed = FORK.Event()
        second = Child.start(partial(self._beside, armed)) if self.tale.beside else None
        ended = Child.start(partial(self._die, armed)).end()
        armed.set()  # a victim that fell over before it was armed leaves nobody waiting
        beside = second.end().code if second else 0
        if not ended.is_killed:
            wrong = f"was not killed there, but ended with {ended.code}: {ended.said}"
            return Death(self.point, wrong, 0.0, died=False)
        if beside:
            return Death(self.point, "the second client did not get through", 0.0)
        before, number = ended.said
        time.sleep(self.tale.wait)
        other = Child.start(self._mend) if self.tale.at_once else None
        began = time.monotonic()
        found = Child.start(partial(self._restart, before, number)).end()
        if other:
            other.end()  # what it could not do is not held against it: the two raced
            found = Child.start(partial(self._again, found)).end()
        seconds = time.monotonic() - began
        wrong = list(found.said) if found.said else ["the restart said nothing"]
        if seconds > AGREE_SECONDS:
            wrong.append(f"that took {seconds:.0f} s")
        return Death(self.point, "; ".join(each for each in wrong if each), seconds)

    def _die(self, armed: Any, say: Say) -> None:
        self.build.altered()
        trap = Trap(self.point)
        trap.watch_files(self.site.folders)
        trap.watch_receivers()
        with self.site.opened() as opened:
            version, operation = self._prepared(opened)
            server = a_server(self.site, self.tale.surface)
            trap.watch_store(opened.store)
            say(opened.epoch(self.tale.surface))
            say(version.number)
            armed.set()
            if self.point in SERVING:
                operation()
                trap.armed = True
                _look(server)
            else:
                trap.armed = True
                operation()
            say(f"met {[point.name for point in trap.met]}")

    def _prepared(self, opened: Opened) -> tuple[Version, Callable[[], None]]:
        """The story before the fault, and the operation that will die."""
        surface, tale = self.tale.surface, self.tale
        serves = champion_of(opened.store, surface)
        if self.operation == "rollback":
            if serves is None or tale.confirmed:
                opened.brought(State.CHAMPION, f"{self.name}-good", surface)
            bad = opened.brought(State.CHAMPION_PROVISIONAL, f"{self.name}-bad", surface)
            found = bad, partial(opened.roll_back, surface)
        else:
            if serves is None and self.point is Point.OTHER:
                opened.brought(State.CHAMPION, f"{self.name}-first", surface)
            version = opened.brought(State.APPROVED, self.name, surface)
            found = version, partial(opened.promote, version)
        if tale.rotated and opened.site.keys.known():
            opened.rotate()
        return found

    def _beside(self, armed: Any, say: Say) -> None:
        with self.site.opened() as opened:
            version = opened.brought(State.APPROVED, f"{self.name}-beside", SURFACES[2])
            armed.wait(AGREE_SECONDS)
            promote(opened.store, version)

    def _mend(self, say: Say) -> None:
        self.build.altered()
        with self.site.opened() as opened:
            try:
                opened.mend()
            except SluiceError as error:
                say(str(error))

    def _restart(self, before: int, number: int, say: Say) -> None:
        self.build.altered()
        with self.site.opened() as opened:
            say("; ".join(self._left(opened, before)))
            try:
                accused = self._go_on(opened, number)
                say("; ".join([*self._after(opened, before), *accused]))
            except SluiceError as error:
                say(f"could not go on: {type(error).__name__}: {error}")

    def _again(self, found: Ended, say: Say) -> None:
        """The watcher's next round, after two restarts have raced."""
        with self.site.opened() as opened:
            opened.mend()
            say(found.said[0])
            say("; ".join([*opened.sound(), *opened.apart(self.tale.surface)]))

    def _left(self, opened: Opened, before: int) -> list[str]:
        """What is wrong before anybody has mended anything."""
        wrong = opened.sound()
        moved = opened.epoch(self.tale.surface) - before
        if not self.tale.at_once and moved != is_committed(self.point):
            wrong.append(f"the store moved by {moved}")
        said = served(self.site, self.tale.surface)
        if said is not None and said not in self.site.works.releases.values():
            wrong.append(f"a server that starts now serves nothing: {said}")
        return wrong

    def _go_on(self, opened: Opened, number: int) -> list[str]:
        """Ask again and mend; where a death passes for somebody's move of the alias, that is wrong."""
        surface = self.tale.surface
        version = next(
            each for each in opened.store.find(Version, surface=surface, number=number)
        )
        for _ in range(self.tale.asked_again):
            if self.operation == "promotion":
                opened.promote(version)
            elif self._is_bad(opened, number):
                opened.roll_back(surface)
        if self.tale.echoed:
            self._echo(opened, version)
        if self.tale.mended == "relay":
            opened.tell()
            return []
        accused = opened.mend()
        return [] if self.tale.at_once else accused

    def _is_bad(self, opened: Opened, number: int) -> bool:
        """Whether the rollback was of this version, done or not; another one would be another."""
        moves = champion_of(opened.store, self.tale.surface)
        return moves is not None and (
            moves.version == number or moves.last_good_version is None
        )

    def _echo(self, opened: Opened, version: Version) -> None:
        """A client of an earlier promotion, which never heard that it was done, asks again."""
        for earlier in opened.store.find(Version, surface=version.surface):
            if earlier.number < version.number and earlier.run.startswith(("p-", "r-")):
                key = f"promote:{earlier.surface}:{earlier.number}"
                if key in opened.promoted():
                    promote(opened.store, earlier)
                    return

    def _after(self, opened: Opened, before: int) -> list[str]:
        moved = opened.epoch(self.tale.surface) - before
        due = bool(self.tale.asked_again) or is_committed(self.point)
        wrong = [*opened.sound(), *opened.apart(self.tale.surface)]
        if moved != due:
            wrong.append(f"the champion moved {moved} times, not {int(due)}")
        return wrong


@dataclass(frozen=True)
class Deaths:
    """All points of an operation, once for each seed."""

    works: Works
    build: Build
    operation: str

    def of(self, seed: int, place: Callable[[], Place]) -> Iterator[Death]:
        """Each point once; where a death was not survived, the next one dies in a new place."""
        rng = random.Random(f"{self.operation}:{seed}")
        met = POINTS[self.operation]
        points = [each for each in self.build.points or met if each in met]
        left = rng.sample(points, len(points))
        while left:
            with place() as (url, folder):
                site = Site(self.works, url, folder / "site", self.build.kind).laid_out()
                while left:
                    point = left.pop()
                    name = f"{self.operation[0]}-{len(left)}"
                    run = Run(
                        site, self.build, self.operation, point, Tale.of(rng, point), name
                    )
                    death = run.death()
                    yield death
                    if death.wrong:
                        break

    def is_red(self, seeds: int, place: Callable[[], Place]) -> bool:
        """Whether any death that came to its point was not survived, as it must be of a mutant."""
        deaths = (each for seed in range(seeds) for each in self.of(seed, place))
        return any(each.wrong and each.died for each in deaths)


def _look(server: Any) -> None:
    import asyncio

    asyncio.run(server.look())
