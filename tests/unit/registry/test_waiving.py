from datetime import timedelta

import pytest

from sluice.data.digest import json_digest
from sluice.errors import Held, NotFound, Refused
from sluice.registry import promotion
from sluice.registry.audit import audit
from sluice.registry.explanation import explain
from sluice.registry.moves import position_of
from sluice.registry.proof import record
from sluice.registry.waivers import waivers_of
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, LedgerRow, Outcome, State
from tests.lib import promotions as lib
from tests.lib.promotions import BY_FLOW, MANDATORY, bring, judged, panel, signatory
from tests.lib.stores import T0, a_draft

SOON = T0 + timedelta(days=7)
WITH_SLICES = (*MANDATORY[:-1], "slices", "replay")


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def blocked(store):
    """A version that passed all but slices."""
    version = bring(store, State.CANDIDATE)
    judge(store, version)
    return version


def judge(store, version, at=BY_FLOW["at"]):
    gates = [
        *judged("data", "leakage", "quality"), *judged("slices", outcome=Outcome.FAIL),
    ]  # fmt: skip
    return promotion.gate(store, version, gates, mandatory=WITH_SLICES, actor="flow", at=at)


def waive(store, version, gate="slices", actor="rita", **changes):
    terms = {"reason": "night is new", "until": SOON, "at": T0}
    who = {"by": signatory(actor), "panel": panel()}
    return promotion.waive(store, version, gate, **who, **{**terms, **changes})


def submit(store, version):
    return promotion.submit(
        store, version, judged("replay"), mandatory=WITH_SLICES, **BY_FLOW
    )


def promote(store, version, at=T0 + timedelta(hours=2)):
    return promotion.promote(
        store, version, mandatory=WITH_SLICES, judged_against=None, actor="flow", at=at,
        idempotency_key="promote", panel=panel(),
    )  # fmt: skip


def approved(store, version):
    waive(store, version)
    judge(store, version)
    lib.package(store, version)
    submit(store, version)
    lib.approve(store, version)
    return version


def test_a_waived_version_is_judged_again_and_may_go_all_the_way(store, blocked):
    assert position_of(store, blocked).state is State.BLOCKED

    row = waive(store, blocked)
    assert (row.before, row.after) == ("blocked", "candidate")
    assert judge(store, blocked) is State.GATED
    lib.package(store, blocked)
    assert submit(store, blocked) is State.IN_REVIEW
    lib.approve(store, blocked)

    moved = promote(store, blocked)
    assert row.evidence[0] in moved.evidence
    assert audit(store) == []


def test_a_waiver_stands_in_the_ledger_with_its_terms(store, blocked):
    row = waive(store, blocked)

    assert (row.action, row.actor, row.role, row.reason) == (
        "waive", "rita", "reviewer", "night is new",
    )  # fmt: skip
    [waiver] = waivers_of(store, blocked)
    assert (waiver.gate, waiver.until) == ("slices", SOON)
    assert waive(store, blocked) == row


REFUSED = {
    "the author": ({"actor": "ann"}, "made version"),
    "an outsider": ({"actor": "eve"}, "no reviewer"),
    "without a reason": ({"reason": " "}, "needs a reason"),
    "already over": ({"until": T0}, "ends in the past"),
    "for ever": ({"until": T0 + timedelta(days=31)}, "more than 30 days"),
    "data": ({"gate": "data"}, "cannot be waived"),
    "leakage": ({"gate": "leakage"}, "cannot be waived"),
    "replay": ({"gate": "replay"}, "cannot be waived"),
    "a gate that passed": ({"gate": "quality"}, "passed quality"),
}


@pytest.mark.parametrize(("changes", "why"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_waived_leaves_no_trace(store, blocked, changes, why):
    before = store.find(LedgerRow)

    with pytest.raises(Refused, match=why):
        waive(store, blocked, **changes)
    assert store.find(LedgerRow) == before


def test_a_gate_that_has_not_judged_cannot_be_waived(store, blocked):
    with pytest.raises(NotFound, match="churn has not judged"):
        waive(store, blocked, "churn")


@pytest.mark.parametrize("state", [State.PACKAGED, State.GATED])
def test_a_version_on_its_way_is_not_waived(store, state):
    version = bring(store, state)
    [judgement] = judged("churn", outcome=Outcome.FAIL)
    record(store, version, judgement, T0)

    with pytest.raises(Refused, match="a waiver is for one that is blocked"):
        waive(store, version, "churn")


def test_another_gate_that_failed_still_blocks(store):
    version = bring(store, State.CANDIDATE)
    gates = [*judged("data"), *judged("quality", "slices", outcome=Outcome.FAIL)]
    given = {"mandatory": WITH_SLICES, **BY_FLOW}
    promotion.gate(store, version, [*gates, *judged("leakage")], **given)
    waive(store, version)

    assert promotion.gate(store, version, (), **given) is State.BLOCKED
    waive(store, version, "quality")
    assert promotion.gate(store, version, (), **given) is State.GATED


def test_an_expired_waiver_counts_for_nothing_and_can_be_renewed(store, blocked):
    version = approved(store, blocked)
    late = SOON + timedelta(hours=1)

    with pytest.raises(Held, match=r"slices: fail: its waiver by rita ended 2024-05-08"):
        promote(store, version, SOON)
    with pytest.raises(Held):
        promote(store, version, late)
    row = waive(store, version, until=late + timedelta(days=1), at=late)

    assert (row.before, row.after) == ("approved", "approved")
    assert promote(store, version, late).epoch == 1


def test_a_waiver_that_ended_before_the_rerun_blocks_again(store, blocked):
    waive(store, blocked)

    assert judge(store, blocked, at=SOON) is State.BLOCKED


def test_a_waiver_whose_terms_were_altered_is_none(store, blocked):
    version = approved(store, blocked)
    [waiver] = waivers_of(store, version)
    [(key, found)] = [
        (key, each)
        for key, each in store._records[Document].items()
        if each.digest == waiver.document
    ]
    body = {**found.body, "until": "2099-01-01T00:00:00+00:00"}
    assert json_digest(body) != found.digest
    store._records[Document][key] = Document(found.digest, found.kind, body, T0)

    with pytest.raises(Held, match="slices: fail"):
        promote(store, version)


def test_a_rerun_after_the_promotion_changes_nothing(store, blocked):
    version = approved(store, blocked)
    promote(store, version)
    rows = store.find(LedgerRow)

    assert judge(store, version) is State.GATED
    assert submit(store, version) is State.IN_REVIEW
    assert store.find(LedgerRow) == rows


def test_an_explanation_names_the_waiver_and_what_holds(store, blocked):
    def held(at):
        found = explain(store, blocked, WITH_SLICES, at)
        return {each.gate for each in found if each.holds}

    assert held(T0) == {"slices", "replay"}
    waive(store, blocked)
    assert held(T0) == {"replay"}
    assert held(SOON) == {"slices", "replay"}
    [slices] = [each for each in explain(store, blocked, WITH_SLICES, T0) if each.waiver]
    assert slices.waiver.reason == "night is new"


def test_a_waiver_that_has_ended_does_not_come_back_when_a_clock_is_put_back(
    store, blocked
):
    waive(store, blocked)
    judge(store, blocked)
    lib.package(store, blocked)
    submit(store, blocked)
    lib.approve(store, blocked)
    promotion.register(store, a_draft("another"), actor="ann", at=SOON)

    with pytest.raises(Held, match="its waiver by rita ended"):
        promote(store, blocked)
    held = [each.gate for each in explain(store, blocked, WITH_SLICES, T0) if each.holds]
    assert held == ["slices"]

    # One that is given after that counts, though it ends before the moment that was written down.
    waive(store, blocked, until=SOON - timedelta(days=1))
    assert promote(store, blocked).action == "promote"
