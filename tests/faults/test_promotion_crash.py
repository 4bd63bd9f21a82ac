"""Kill -9 at every point of a promotion and of a rollback, then do it again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from registry.audit import audit
from registry.pointer import PointerReceiver
from registry.promotion import champion_of
from registry.relay import relay
from sluice.errors import SluiceError
from sluice.store.records import LedgerRow, OutboxRow, State
from sluice.store.sql import SqlStore
from tests.lib.crashes import Work, kill_at, points_of
from tests.lib.promotions import bring, promote, rollback

pytestmark = pytest.mark.faults


class DualWrite(SqlStore):
    """The mutant: the outbox row is written in a transaction of its own, after the first."""

    late: OutboxRow | None = None

    def _apply(self, rows, decided):
        self.late = decided.outbox
        return super()._apply(rows, replace(decided, outbox=None))

    def transition(self, transition):
        row = super().transition(transition)
        if self.late:
            with self._transaction(self._writing_engine) as rows:
                rows.add(self.late)
            self.late = None
        return row


class StateLate(SqlStore):
    """The mutant: the states move in a transaction of their own, after the first."""

    def transition(self, transition):
        self.late = ()
        row = super().transition(transition)
        with self._transaction(self._writing_engine) as rows:
            for position in self.late:
                rows.set(position)
        return row

    def _apply(self, rows, decided):
        if decided.version:
            return super()._apply(rows, decided)
        self.late = decided.positions
        return super()._apply(rows, replace(decided, positions=()))


@dataclass
class Harness:
    """One database and one folder of pointers, over which promotions die and are done again."""

    kind: type[SqlStore]
    url: str
    pointers: Path
    rounds: int = 0

    def promotion(self, store: SqlStore) -> Work:
        version = bring(store, State.APPROVED, self.next_run())
        return lambda opened: self.relayed(opened, promote(opened, version))

    def rollback(self, store: SqlStore) -> Work:
        bring(store, State.CHAMPION, self.next_run())
        self.relayed(store, bring(store, State.CHAMPION_PROVISIONAL, self.next_run()))
        return lambda opened: self.relayed(opened, rollback(opened))

    def relayed(self, store: SqlStore, done: object) -> object:
        relay(store, [PointerReceiver(self.pointers)])
        return done

    def next_run(self) -> str:
        self.rounds += 1
        return f"run-{self.rounds}"

    def crashes(self, operation: str) -> Iterator[tuple[str, str]]:
        """Die at each point in turn; what is wrong after doing it again, empty where nothing is."""
        with self.kind.open(self.url) as store:
            self.relayed(store, bring(store, State.CHAMPION, self.next_run()))
            prepare = getattr(self, operation)
            names = points_of(self.kind, self.url, self.pointers, prepare(store))
            for point, name in enumerate(names, start=1):
                work = prepare(store)
                epoch = champion_of(store, "feed").epoch
                store.close()  # no connection is shared with the child
                kill_at(point, self.kind, self.url, self.pointers, work)
                yield name, self.wrong_after(store, work, epoch + 1)

    def wrong_after(self, store: SqlStore, work: Work, epoch: int) -> str:
        try:
            work(store)
            work(store)
        except SluiceError as error:
            return f"could not be done again: {error}"
        problems = audit(store, pointers=self.pointers)
        keys = [row.idempotency_key for row in store.find(LedgerRow)]
        if len(set(keys)) != len(keys):
            problems.append("a key has two ledger rows")
        if champion_of(store, "feed").epoch != epoch:
            problems.append("the champion moved more than once, or not at all")
        if store.find(OutboxRow, delivered=False):
            problems.append("a move was never delivered")
        return "; ".join(problems)


def run(operation: str, kind: type[SqlStore], url: str, folder: Path) -> dict[str, str]:
    """What is wrong, by the point of death; prints how many deaths were survived."""
    found = {}
    harness = Harness(kind, url, folder / "pointers")
    for number, (name, wrong) in enumerate(harness.crashes(operation), start=1):
        found[f"{number} {name}"] = wrong
    survived = sum(not wrong for wrong in found.values())
    database = url.split(":", maxsplit=1)[0]
    print(f"{kind.__name__} {operation} on {database}: survived {survived}/{len(found)}")
    return found


@pytest.mark.parametrize("operation", ["promotion", "rollback"])
def test_a_kill_at_any_point_leaves_one_champion_and_can_be_done_again(
    operation, database_url, tmp_path
):
    found = run(operation, SqlStore, database_url, tmp_path)

    assert {point: wrong for point, wrong in found.items() if wrong} == {}
    points = " ".join(found)
    for needed in ("BEGIN", "INSERT INTO ledger", "UPDATE champion", "INSERT INTO outbox",
                   "before COMMIT", "after COMMIT", "os.rename", "UPDATE outbox"):  # fmt: skip
        assert needed in points


@pytest.mark.parametrize("mutant", [DualWrite, StateLate])
def test_the_harness_finds_a_store_that_writes_in_two_transactions(mutant, tmp_path):
    harness = Harness(mutant, f"sqlite:///{tmp_path / 'sluice.db'}", tmp_path / "pointers")

    assert any(wrong for _, wrong in harness.crashes("promotion"))
