"""Promotions under any order of requests, good and bad, that die in between while the clock jumps.

Every request goes to two stores: to one that never dies, and to one that may be killed before or
after each of its writes and is then asked again. Both must answer alike and hold the same rows.
"""

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sluice.errors import Conflict, Held, NotFound, Refused
from sluice.registry import promotion
from sluice.registry.audit import audit
from sluice.registry.moves import position_of
from sluice.registry.reigns import reign_at, reigns
from sluice.registry.relay import relay
from sluice.registry.states import SERVING
from sluice.registry.waivers import waivers_of
from sluice.store.ledger import head, verify
from sluice.store.memory import MemoryStore
from sluice.store.port import Store
from sluice.store.records import (
    Champion,
    LedgerRow,
    OutboxRow,
    Outcome,
    Position,
    State,
    Verdict,
    Version,
)
from sluice.store.sql import SqlStore
from tests.lib import promotions as lib
from tests.lib.mortal import Killed, Mirror, Mortal
from tests.lib.promotions import MANDATORY, judged, release_of
from tests.lib.stores import T0, a_draft

SURFACES = ("feed", "ads")
ALL_GATES = ("data", "leakage", "quality")
OUTCOMES = st.sampled_from([Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE])
REVIEWER = st.sampled_from(["rita", "Rob", "ann", "eve"])
PICK = st.tuples(st.integers(0, 30), st.sampled_from([True, True, True, False]))
SURFACE = st.sampled_from(SURFACES)
SAID_NO = (Conflict, Held, NotFound, Refused)
DEATH = st.none() | st.tuples(st.sampled_from([1, 1, 1, 2, 3, 7]), st.booleans())
"""Of a request: at which of its writes the process dies, and whether the write is done by then."""


class Promotions(RuleBasedStateMachine):
    """G1, G5 and G9 under register, gate, waive, approve, reject, promote, rollback, expiry, crash, clock jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.twin = MemoryStore()
        self.store = Mortal(self.opened())
        self.mirror = Mirror()

    def opened(self) -> Store:
        return MemoryStore()

    def reopened(self) -> Store:
        """The store as the process after the killed one finds it."""
        return self.store.store

    def attempt(
        self, step: Callable[..., Any], *arguments: Any, death: Any = None, **named: Any
    ):
        """A request may be turned down and then leaves no trace; one that died is asked again."""
        before = self.twin.find(LedgerRow), self.twin.find(Position)
        expected = _answer(step, self.twin, *arguments, **named)
        if expected in SAID_NO:
            assert (self.twin.find(LedgerRow), self.twin.find(Position)) == before
        self.store.death = death
        try:
            found = _answer(step, self.store, *arguments, **named)
        except Killed:
            self.store = Mortal(self.reopened())
            found = _answer(step, self.store, *arguments, **named)
        self.store.death = None
        assert found == expected
        for kind in (LedgerRow, Position, Champion, OutboxRow):
            assert self.store.find(kind) == self.twin.find(kind), kind

    def chosen(self, pick: tuple[int, bool], wanted: State | None = None) -> Version:
        """Mostly a version for which the step is due, else any."""
        index, is_due = pick
        versions = self.twin.find(Version)
        due = [each for each in versions if position_of(self.twin, each).state is wanted]
        pool = due if due and is_due else versions
        return pool[index % len(pool)]

    def any_version(self) -> bool:
        return bool(self.twin.find(Version))

    @rule(run=st.integers(1, 12), surface=SURFACE, death=DEATH)
    def register(self, run, surface, death):
        draft = a_draft(f"run-{run}", surface)
        self.attempt(promotion.register, draft, actor="ann", at=self.now, death=death)

    @precondition(any_version)
    @rule(
        pick=PICK, outcome=OUTCOMES, quality=OUTCOMES, gates=st.sampled_from([3, 3, 3, 2, 0]),
        death=DEATH,
    )  # fmt: skip
    def gate(self, pick, outcome, quality, gates, death):
        outcomes = (Outcome.PASS, outcome, quality)
        given = [
            judged(name, outcome=each)[0]
            for name, each in list(zip(ALL_GATES, outcomes, strict=True))[:gates]
        ]
        self.attempt(
            promotion.gate, self.chosen(pick, State.CANDIDATE), given, mandatory=MANDATORY,
            actor="flow", at=self.now, death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(
        pick=PICK, reviewer=REVIEWER, gate=st.sampled_from(MANDATORY),
        days=st.sampled_from([-1, 1, 1, 1, 90]), state=st.sampled_from([State.BLOCKED, State.APPROVED]),
        death=DEATH,
    )  # fmt: skip
    def waive(self, pick, reviewer, gate, days, state, death):
        self.attempt(
            promotion.waive, self.chosen(pick, state), gate, by=lib.signatory(reviewer),
            panel=lib.panel(), reason="so be it", until=self.now + timedelta(days=days),
            at=self.now, death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK, death=DEATH)
    def package(self, pick, death):
        version = self.chosen(pick, State.GATED)
        release = release_of(version)
        self.attempt(
            promotion.package, version, release, actor="flow", at=self.now, death=death
        )

    @precondition(any_version)
    @rule(pick=PICK, outcome=OUTCOMES, death=DEATH)
    def submit(self, pick, outcome, death):
        self.attempt(
            promotion.submit, self.chosen(pick, State.PACKAGED), judged("replay", outcome=outcome),
            mandatory=MANDATORY, actor="flow", at=self.now, death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK, reviewer=REVIEWER, death=DEATH)
    def approve(self, pick, reviewer, death):
        version = self.chosen(pick, State.IN_REVIEW)
        self.attempt(
            promotion.approve, version, by=lib.signatory(reviewer), panel=lib.panel(),
            release=release_of(version), reason="looks right", at=self.now, death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK, reviewer=REVIEWER, death=DEATH)
    def reject(self, pick, reviewer, death):
        self.attempt(
            promotion.reject, self.chosen(pick, State.IN_REVIEW), by=lib.signatory(reviewer),
            panel=lib.panel(), reason="no", at=self.now, death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK, key=st.sampled_from([None, None, None, "shared"]), death=DEATH)
    def promote(self, pick, key, death):
        self._promote(self.chosen(pick, State.APPROVED), key, death)

    def _promote(self, version: Version, key: str | None = None, death: Any = None) -> None:
        serving = promotion.champion_of(self.twin, version.surface)
        self.attempt(
            promotion.promote, version, mandatory=MANDATORY, panel=lib.panel(), actor="flow", at=self.now,
            judged_against=serving.release if serving else None,
            idempotency_key=key or f"promote:{version.surface}:{version.number}", death=death,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK, death=DEATH)
    def confirm(self, pick, death):
        version = self.chosen(pick, State.CHAMPION_PROVISIONAL)
        self.attempt(
            promotion.confirm, version, actor="flow", reason="bake ended", at=self.now, death=death
        )  # fmt: skip

    @rule(surface=SURFACE, death=DEATH)
    def rollback(self, surface, death):
        self.attempt(
            promotion.rollback, surface, actor="oncall", reason="clicks fell", at=self.now,
            death=death,
        )  # fmt: skip

    @rule(surface=SURFACE, steps=st.integers(3, 6))
    def a_new_one_straight_on(self, surface, steps):
        """So that deep states are met often."""
        run = f"straight-{len(self.twin.find(Version))}"
        for store in (self.twin, self.store):
            version = promotion.register(store, a_draft(run, surface), actor="ann", at=T0)
            way = (lib.gate, lib.package, lib.submit, lib.approve, lib.promote, lib.confirm)
            for step in way[:steps]:
                step(store, version)

    @rule(surface=SURFACE, days=st.sampled_from([1, 3]))
    def one_that_is_approved_under_a_waiver(self, surface, days):
        """So that waivers that end are met often: it waits for a promotion."""
        run = f"waived-{len(self.twin.find(Version))}"
        for store in (self.twin, self.store):
            _approved_under_a_waiver(store, a_draft(run, surface), self.now, days)

    @rule(hours=st.sampled_from([1, 25, 24 * 31, -1, -25, -24 * 31]))
    def the_clock_jumps(self, hours):
        self.now += timedelta(hours=hours)

    @rule(pick=PICK, microseconds=st.sampled_from([-1, 0, 1]))
    def a_waiver_expires(self, pick, microseconds):
        """To the moment at which one ends, or as near as makes no difference."""
        ends = [
            each.until
            for version in self.twin.find(Version)
            for each in waivers_of(self.twin, version)
        ]
        if ends:
            self.now = ends[pick[0] % len(ends)] + timedelta(microseconds=microseconds)

    @rule(pick=PICK, back=st.sampled_from([1, 25]))
    def the_clock_is_put_back_over_a_waivers_end(self, pick, back):
        """Somebody writes to the ledger after one has ended, and its version is promoted before that."""
        approved = [
            (version, waiver)
            for version in self.twin.find(Version)
            if position_of(self.twin, version).state is State.APPROVED
            for waiver in waivers_of(self.twin, version)
        ]
        if approved:
            version, waiver = approved[pick[0] % len(approved)]
            draft = a_draft(f"late-{len(self.twin.find(Version))}", version.surface)
            self.attempt(promotion.register, draft, actor="ann", at=waiver.until)
            self.now = waiver.until - timedelta(hours=back)
            self._promote(version)

    @rule(down=st.booleans(), death=DEATH)
    def told(self, down, death):
        """The relay, which leaves nothing in the outbox where its receiver is up."""
        self.mirror.is_down = down
        self.store.death = None if down else death
        try:
            _answer(_relayed, self.store, self.mirror)
        except Killed:
            self.store = Mortal(self.reopened())
            _answer(_relayed, self.store, self.mirror)
        self.store.death = None
        if not down:
            assert self.store.find(OutboxRow, delivered=False) == ()
            for row in self.twin.find(OutboxRow, delivered=False):
                self.twin.acknowledge(row.sequence)
        for champion in self.twin.find(Champion) if not down else ():
            told = self.mirror.told[champion.surface]
            assert (told.epoch, told.release) == (champion.epoch, champion.release)

    @precondition(lambda self: bool(self.twin.find(LedgerRow)))
    @rule(
        how=st.sampled_from(["edit", "delete", "swap", "insert", "cut"]),
        where=st.integers(0, 400),
    )
    def what_is_done_to_the_ledger_behind_its_back_is_found(self, how, where):
        rows = list(self.store.find(LedgerRow))
        exported = head(self.store)
        assert exported
        assert verify(_tampered(rows, how, where % len(rows)), exported)
        assert verify(rows, exported) == []

    @invariant()
    def ledger_pointer_and_positions_agree(self):
        assert audit(self.store) == []

    @invariant()
    def at_most_one_version_of_a_surface_serves(self):
        for surface in SURFACES:
            positions = self.twin.find(Position, surface=surface)
            assert sum(each.state in SERVING for each in positions) <= 1

    @invariant()
    def who_serves_or_served_passed_every_gate_and_another_person_approved_it(self):
        for row in self.twin.find(LedgerRow, action="promote"):
            verdicts = self.twin.find(Verdict, surface=row.surface, version=row.version)
            approvals = self.twin.find(
                LedgerRow, surface=row.surface, version=row.version, action="approve"
            )
            passed = {each.gate for each in verdicts if each.outcome is Outcome.PASS}
            assert passed | self._lasting(row) >= set(MANDATORY)
            assert [each.actor in {"rita", "Rob"} for each in approvals] == [True]
            assert approvals[0].evidence[0] == row.evidence[0]

    def _lasting(self, promoted: LedgerRow) -> set[str]:
        """Gates whose waiver had not ended by then, by any clock that has written since it was given."""
        (version,) = self.twin.find(
            Version, surface=promoted.surface, number=promoted.version
        )
        rows = self.twin.find(LedgerRow, surface=promoted.surface)
        waivers = waivers_of(self.twin, version)
        return {
            each.gate
            for each in waivers
            if each.until
            > max(r.at for r in rows if each.sequence <= r.sequence <= promoted.sequence)
        }

    @invariant()
    def nobody_decides_on_their_own_work_or_uninvited(self):
        for action in ("approve", "reject", "waive"):
            actors = {row.actor for row in self.twin.find(LedgerRow, action=action)}
            assert actors <= {"rita", "Rob"}

    @invariant()
    def epochs_count_the_moves_and_each_has_its_outbox_row(self):
        for surface in SURFACES:
            epochs = [row.epoch for row in promotion.history(self.twin, surface)]
            sent = [row.epoch for row in self.twin.find(OutboxRow, surface=surface)]
            assert epochs == sent == list(range(1, len(epochs) + 1))

    @invariant()
    def who_served_when_is_answered_whatever_the_clock_did(self):
        for champion in self.twin.find(Champion):
            known = reigns(self.twin, champion.surface)
            assert [each.epoch for each in known] == list(range(1, len(known) + 1))
            latest: datetime = max(each.since for each in known)
            newest = reign_at(self.twin, champion.surface, latest)
            assert (newest.version, newest.release) == (champion.version, champion.release)


class SqlPromotions(Promotions):
    """The same on SQLite, where what dies is a process with a transaction open."""

    _numbers = itertools.count(1)

    def opened(self) -> Store:
        self._folder = tempfile.TemporaryDirectory(prefix="sluice-machine-")
        self._url = f"sqlite:///{Path(self._folder.name) / 'sluice.db'}"
        return SqlStore.open(self._url)

    def reopened(self) -> Store:
        self.store.store.close()
        return SqlStore.open(self._url)

    def teardown(self) -> None:
        self.store.store.close()
        self._folder.cleanup()


def sized(examples: int, steps: int) -> settings:
    """Settings for so many examples of so many steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def broken(machine: type[Promotions], examples: int, steps: int) -> str:
    """What was violated first, empty where nothing was; it is not shrunk, nor remembered."""
    quick = settings(sized(examples, steps), phases=[Phase.generate], database=None)
    try:
        run_state_machine_as_test(machine, settings=quick)
    except Exception as error:  # noqa: BLE001 - any end but a good one is what is looked for
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def _answer(step: Callable[..., Any], store: Any, *arguments: Any, **named: Any) -> Any:
    """The kind of the refusal, or None where the request was granted."""
    try:
        step(store, *arguments, **named)
    except SAID_NO as error:
        return type(error)
    return None


def _approved_under_a_waiver(store: Any, draft: Any, now: datetime, days: int) -> None:
    by = {"actor": "flow", "at": now}
    version = promotion.register(store, draft, actor="ann", at=now)
    failed = judged("quality", outcome=Outcome.FAIL)
    judgements = [*judged("data", "leakage"), *failed]
    promotion.gate(store, version, judgements, mandatory=MANDATORY, **by)
    promotion.waive(
        store, version, "quality", by=lib.signatory("rita"), panel=lib.panel(), reason="a drill",
        until=now + timedelta(days=days), at=now,
    )  # fmt: skip
    promotion.gate(store, version, judgements, mandatory=MANDATORY, **by)
    promotion.package(store, version, release_of(version), **by)
    promotion.submit(store, version, judged("replay"), mandatory=MANDATORY, **by)
    promotion.approve(
        store, version, by=lib.signatory("rita"), panel=lib.panel(), release=release_of(version),
        reason="looks right", at=now,
    )  # fmt: skip


def _relayed(store: Store, mirror: Mirror) -> None:
    from sluice.registry.relay import DeliveryError

    try:
        relay(store, [mirror])
    except DeliveryError:
        assert mirror.is_down


def _tampered(rows: list[LedgerRow], how: str, where: int) -> list[LedgerRow]:
    row, rest = rows[where], [*rows[:where], *rows[where + 1 :]]
    if how == "edit":
        return [*rows[:where], replace(row, actor=f"{row.actor}?"), *rows[where + 1 :]]
    if how == "delete" or (how == "swap" and not rest):
        return rest
    if how == "swap":
        other = (where + 1) % len(rows)
        swapped = list(rows)
        swapped[where], swapped[other] = rows[other], rows[where]
        return swapped
    return rows[:where] if how == "cut" else [*rows[:where], row, *rows[where:]]
