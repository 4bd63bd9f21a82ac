"""The promotion machine under any order of requests, good and bad."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from registry import promotion
from registry.audit import audit
from registry.moves import position_of
from registry.states import SERVING
from sluice.errors import Conflict, Held, NotFound, Refused
from sluice.store.memory import MemoryStore
from sluice.store.records import (
    LedgerRow,
    OutboxRow,
    Outcome,
    Position,
    State,
    Verdict,
    Version,
)
from tests.lib import promotions as lib
from tests.lib.promotions import BY_FLOW, MANDATORY, judged
from tests.lib.stores import T0, a_draft

SURFACES = ("feed", "ads")
OUTCOMES = st.sampled_from([Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE])
REVIEWER = st.sampled_from(["rita", "Rob", "ann", "eve"])
PICK = st.tuples(st.integers(0, 30), st.sampled_from([True, True, True, False]))
SAID_NO = (Conflict, Held, NotFound, Refused)


class Promotions(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.store = MemoryStore()

    def attempt(self, step, *arguments, **named):
        """A request may be turned down, and then must leave no trace."""
        before = self.store.find(LedgerRow), self.store.find(Position)
        try:
            step(self.store, *arguments, **named)
        except SAID_NO:
            assert (self.store.find(LedgerRow), self.store.find(Position)) == before

    def chosen(self, pick, wanted=None):
        """Mostly a version for which the step is due, else any."""
        index, is_due = pick
        versions = self.store.find(Version)
        due = [each for each in versions if position_of(self.store, each).state is wanted]
        pool = due if due and is_due else versions
        return pool[index % len(pool)]

    def any_version(self):
        return bool(self.store.find(Version))

    @rule(run=st.integers(1, 12), surface=st.sampled_from(SURFACES))
    def register(self, run, surface):
        self.attempt(promotion.register, a_draft(f"run-{run}", surface), actor="ann", at=T0)

    @precondition(any_version)
    @rule(
        pick=PICK,
        outcome=OUTCOMES,
        quality=OUTCOMES,
        gates=st.sampled_from([3, 3, 3, 2, 0]),
    )
    def gate(self, pick, outcome, quality, gates):
        first = judged("data") if gates else []
        second = judged("quality", outcome=quality) if gates > 1 else []
        last = judged("leakage", outcome=outcome) if gates == 3 else []
        version = self.chosen(pick, State.CANDIDATE)
        given = [*first, *second, *last]
        self.attempt(promotion.gate, version, given, mandatory=MANDATORY, **BY_FLOW)

    @precondition(any_version)
    @rule(
        pick=PICK, reviewer=REVIEWER, gate=st.sampled_from(MANDATORY),
        days=st.sampled_from([-1, 1, 1, 1, 90]),
    )  # fmt: skip
    def waive(self, pick, reviewer, gate, days):
        self.attempt(
            promotion.waive, self.chosen(pick, State.BLOCKED), gate, actor=reviewer,
            reviewers=lib.REVIEWERS, reason="so be it", until=T0 + timedelta(days=days), at=T0,
        )  # fmt: skip

    @precondition(any_version)
    @rule(pick=PICK)
    def package(self, pick):
        self.attempt(lib.package, self.chosen(pick, State.GATED))

    @precondition(any_version)
    @rule(pick=PICK, outcome=OUTCOMES)
    def submit(self, pick, outcome):
        replay = judged("replay", outcome=outcome)
        version = self.chosen(pick, State.PACKAGED)
        self.attempt(promotion.submit, version, replay, mandatory=MANDATORY, **BY_FLOW)

    @precondition(any_version)
    @rule(pick=PICK, reviewer=REVIEWER)
    def approve(self, pick, reviewer):
        self.attempt(lib.approve, self.chosen(pick, State.IN_REVIEW), reviewer)

    @precondition(any_version)
    @rule(pick=PICK, reviewer=REVIEWER)
    def reject(self, pick, reviewer):
        self.attempt(lib.reject, self.chosen(pick, State.IN_REVIEW), reviewer)

    @precondition(any_version)
    @rule(pick=PICK, key=st.sampled_from([None, None, None, "shared"]))
    def promote(self, pick, key):
        self.attempt(lib.promote, self.chosen(pick, State.APPROVED), key)

    @precondition(any_version)
    @rule(pick=PICK)
    def confirm(self, pick):
        self.attempt(lib.confirm, self.chosen(pick, State.CHAMPION_PROVISIONAL))

    @rule(surface=st.sampled_from(SURFACES))
    def rollback(self, surface):
        self.attempt(lib.rollback, surface)

    @rule(surface=st.sampled_from(SURFACES), steps=st.integers(3, 6))
    def a_new_one_straight_on(self, surface, steps):
        """So that deep states are met often."""
        run = f"straight-{len(self.store.find(Version))}"
        version = promotion.register(self.store, a_draft(run, surface), actor="ann", at=T0)
        way = (lib.gate, lib.package, lib.submit, lib.approve, lib.promote, lib.confirm)
        for step in way[:steps]:
            step(self.store, version)

    @invariant()
    def ledger_pointer_and_positions_agree(self):
        assert audit(self.store) == []

    @invariant()
    def at_most_one_version_of_a_surface_serves(self):
        for surface in SURFACES:
            positions = self.store.find(Position, surface=surface)
            assert sum(each.state in SERVING for each in positions) <= 1

    @invariant()
    def who_serves_or_served_passed_every_gate_and_another_person_approved_it(self):
        for row in self.store.find(LedgerRow, action="promote"):
            verdicts = self.store.find(Verdict, surface=row.surface, version=row.version)
            approvals = self.store.find(
                LedgerRow, surface=row.surface, version=row.version, action="approve"
            )
            passed = {each.gate for each in verdicts if each.outcome is Outcome.PASS}
            waived = self.store.find(
                LedgerRow, surface=row.surface, version=row.version, action="waive"
            )
            assert passed | ({"quality"} if waived else set()) >= set(MANDATORY)
            assert [each.actor in {"rita", "Rob"} for each in approvals] == [True]
            assert approvals[0].evidence[0] == row.evidence[0]

    @invariant()
    def nobody_decides_on_their_own_work_or_uninvited(self):
        for action in ("approve", "reject", "waive"):
            actors = {row.actor for row in self.store.find(LedgerRow, action=action)}
            assert actors <= {"rita", "Rob"}

    @invariant()
    def epochs_count_the_moves_and_each_has_its_outbox_row(self):
        for surface in SURFACES:
            epochs = [row.epoch for row in promotion.history(self.store, surface)]
            sent = [row.epoch for row in self.store.find(OutboxRow, surface=surface)]
            assert epochs == sent == list(range(1, len(epochs) + 1))


Promotions.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None
)
TestPromotions = Promotions.TestCase
