"""Promoters in processes of their own: sixteen at the same moment, or one that was stopped too long."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any

from sluice.errors import Conflict
from sluice.registry.promotion import champion_of
from sluice.store import change
from sluice.store.ledger import verify
from sluice.store.records import LedgerRow, State, Transition, Version
from sluice.store.sql import SqlStore
from tests.lib.promotions import bring, promote
from tests.lib.stores import a_promotion, register

FORK = get_context("fork")
PROMOTERS = 16
WON, CONFLICT = "won", "conflict"
SECONDS = 600.0
"""Until the trial itself counts as stuck; a stopped machine is no finding."""


class DecidesBeforeItLocks(SqlStore):
    """The mutant: what to write is decided in a transaction before the one that writes."""

    def transition(self, transition):
        with self._transaction(self._engine) as rows:
            decided = change.of_transition(transition, rows)
        with self._transaction(self._writing_engine) as rows:
            return self._apply(rows, decided)


class NotFenced(SqlStore):
    """The mutant: a promotion takes whatever epoch and champion it finds, as MLflow's alias does."""

    def transition(self, transition: Transition):
        champion = champion_of(self, transition.surface)
        if transition.pointer and champion:
            pointer = replace(transition.pointer, expected_epoch=champion.epoch)
            transition = replace(transition, pointer=pointer, also=())
        return super().transition(transition)


def races(kind: type[SqlStore], url: str, rounds: int) -> Iterator[str]:
    """What is wrong with each round of sixteen at once, empty where nothing is.

    Every second round is about a surface without a champion, the next about its second one.
    """
    barrier, outcomes = FORK.Barrier(PROMOTERS + 1), FORK.Queue()
    arguments = (kind, url, rounds, barrier, outcomes)
    promoters = [
        FORK.Process(target=_race, args=(number, *arguments), daemon=True)
        for number in range(PROMOTERS)
    ]
    for promoter in promoters:
        promoter.start()
    try:
        with kind.open(url) as store:
            for round_ in range(rounds):
                _register_for(store, round_)
                barrier.wait(SECONDS)
                found = [outcomes.get(timeout=SECONDS) for _ in promoters]
                yield _wrong_after(store, round_, found)
            yield from verify(store.find(LedgerRow))
    finally:
        # Also where nobody asks for the rounds that are left.
        for promoter in promoters:
            promoter.kill()
            promoter.join()


def _register_for(store: SqlStore, round_: int) -> None:
    if round_ % 2 == 0:
        for number in range(PROMOTERS):
            register(store, f"run-{number}", _surface(round_))


def _race(
    number: int, kind: type[SqlStore], url: str, rounds: int, barrier: Any, outcomes: Any
):
    with kind.open(url) as store:
        for round_ in range(rounds):
            barrier.wait(SECONDS)
            outcomes.put(_attempt(store, _asked(number, round_)))
        barrier.wait()  # until it is killed: an end would lose answers that are on their way


def _asked(number: int, round_: int) -> Transition:
    """This promoter's version over whatever the round began with; no version can win twice."""
    key = f"promote:{round_}:{number}"
    return a_promotion(
        number + 1, round_ % 2, surface=_surface(round_), idempotency_key=key
    )


def _surface(round_: int) -> str:
    return f"feed{round_ // 2}"


def _attempt(store: SqlStore, asked: Transition) -> str:
    try:
        store.transition(asked)
    except Conflict:
        return CONFLICT
    except Exception as error:  # noqa: BLE001 - any other answer is what is looked for
        return f"{type(error).__name__}: {error}"
    return WON


def _wrong_after(store: SqlStore, round_: int, outcomes: list[str]) -> str:
    odd = sorted({each for each in outcomes if each not in {WON, CONFLICT}})
    problems = [f"a loser heard no conflict but {each}" for each in odd]
    if outcomes.count(WON) != 1:
        problems.append(f"{outcomes.count(WON)} of {len(outcomes)} won")
    champion = champion_of(store, _surface(round_))
    if champion is None or champion.epoch != round_ % 2 + 1:
        problems.append(f"the champion is {champion}")
    return "; ".join(problems)


@dataclass
class Stale:
    """One promoter is stopped before its transaction; another promotes; the first goes on."""

    kind: type[SqlStore]
    url: str

    def rounds(self, number: int) -> Iterator[str]:
        with self.kind.open(self.url) as store:
            bring(store, State.CHAMPION, "first")
            for round_ in range(number):
                stale = bring(store, State.APPROVED, f"stale-{round_}")
                other = bring(store, State.APPROVED, f"other-{round_}")
                store.close()  # no connection is shared with the child
                yield self._wrong(store, stale, other)

    def _wrong(self, store: SqlStore, stale: Version, other: Version) -> str:
        answer = FORK.SimpleQueue()
        child = FORK.Process(target=self._promote_late, args=(stale, answer))
        child.start()
        try:
            _await_stopped(child.pid)
            promote(store, other)
            os.kill(child.pid or 0, signal.SIGCONT)
            said = answer.get()
        finally:
            child.kill()
            child.join()
        champion = champion_of(store, "feed")
        problems = [] if said == CONFLICT else [f"the stale promoter heard {said}"]
        if champion is None or champion.version != other.number:
            problems.append("the stale promoter moved the champion")
        return "; ".join(problems)

    def _promote_late(self, version: Version, answer: Any) -> None:
        class Stopped(self.kind):
            """Has read all evidence and knows the epoch; it writes when it is woken."""

            def transition(self, transition):
                os.kill(os.getpid(), signal.SIGSTOP)
                return super().transition(transition)

        try:
            promote(Stopped.open(self.url), version)
        except Conflict:
            answer.put(CONFLICT)
        except Exception as error:  # noqa: BLE001 - any other answer is what is looked for
            answer.put(f"{type(error).__name__}: {error}")
        else:
            answer.put(WON)


def _await_stopped(pid: int | None) -> None:
    found, status = os.waitpid(pid or 0, os.WUNTRACED)
    assert found == pid
    assert os.WIFSTOPPED(status), (
        f"promoter ended with status {status} before it was stopped"
    )
