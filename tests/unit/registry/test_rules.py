"""Rules that are laxer than they were for the champion hold a version until they are approved by name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sluice.errors import Held, Refused
from sluice.gates.quality import QualityGate
from sluice.gates.spec import GateSpec
from sluice.registry import canary, promotion
from sluice.registry.audit import audit
from sluice.registry.rules import approve_rules, laxer_rules
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, LedgerRow
from tests.lib import promotions as lib
from tests.lib.promotions import panel, signatory
from tests.lib.stores import T0, a_draft

HOUR = timedelta(hours=1)
STRICT = GateSpec()
LAX = GateSpec(quality=QualityGate(margin=0.5))


def approved(store, run, gates):
    """A version that was judged by these gates, and approved."""
    body = {"gates": gates.model_dump(mode="json")}
    spec = store.put(Document.of("spec", body, T0)).digest
    version = promotion.register(store, a_draft(run, spec=spec), actor="ann", at=T0)
    for step in (lib.gate, lib.package, lib.submit, lib.approve):
        step(store, version)
    return version


def promote(store, version, bake=HOUR, **people):
    serving = promotion.champion_of(store, "feed")
    return promotion.promote(
        store, version, mandatory=lib.MANDATORY, panel=panel(**people), bake=bake,
        judged_against=serving.release if serving else None, actor="flow",
        at=T0 + timedelta(days=version.number), idempotency_key=f"promote:{version.number}",
    )  # fmt: skip


@pytest.fixture
def store():
    store = MemoryStore()
    promote(store, approved(store, "a", STRICT))
    return store


def allow(store, version, name="rita", **changes):
    given = {
        "by": signatory(name),
        "panel": panel(),
        "bake": HOUR,
        "reason": "agreed",
        "at": T0,
    }
    return approve_rules(store, version, **{**given, **changes})


def test_a_raised_margin_holds_until_a_reviewer_approves_it_by_name(store):
    version = approved(store, "b", LAX)

    with pytest.raises(Held, match=r"laxer rules .*quality\.margin is 0\.5, was 0\.002"):
        promote(store, version)
    row = allow(store, version)
    assert (row.action, row.actor, row.after) == ("rules", "rita", "approved")
    assert allow(store, version) == row
    assert promote(store, version).epoch == 2
    assert audit(store, reviews=lib.TRUST) == []


def test_a_changed_record_of_the_champions_rules_holds(store, monkeypatch):
    version, plain = approved(store, "b", STRICT), store.get

    def changed(kind, **key):
        record = plain(kind, **key)
        if kind is Document and record is not None and "bake_seconds" in record.body:
            return replace(record, body={"bake_seconds": 0})
        return record

    monkeypatch.setattr(store, "get", changed)
    with pytest.raises(Held, match="was changed"):
        promote(store, version)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "ann"}, "made version"),
        ({"name": "eve"}, "no reviewer"),
        ({"reason": " "}, "needs a reason"),
        (
            {"name": "zoe", "panel": panel(reviewers=("rita", "zoe"))},
            "was no reviewer when",
        ),
    ],
)
def test_who_may_not_approve_rules_is_refused(store, changes, why):
    version = approved(store, "b", LAX)

    with pytest.raises(Refused, match=why):
        allow(store, version, **changes)


def test_a_forged_approval_of_rules_counts_for_nothing(store):
    version = approved(store, "b", LAX)
    row = allow(store, version)
    store._write(replace(row, signature=None))

    with pytest.raises(Held, match="laxer rules"):
        promote(store, version)
    assert any(
        "(rules by rita) is not signed" in each for each in audit(store, reviews=lib.TRUST)
    )


def test_what_is_approved_is_these_rules_and_no_others(store):
    version = approved(store, "b", LAX)
    allow(store, version)

    with pytest.raises(Held, match="it bakes 0 s, the champion 3600 s"):
        promote(store, version, bake=timedelta(0))


@pytest.mark.parametrize(
    ("gates", "why"),
    [
        ({"mandatory": ("data", "leakage", "replay")}, "no longer mandatory: quality"),
        ({"quality": {"min_users": 2}}, "quality.min_users is 2, was 50"),
        ({"quality": {"metric": "auc"}}, "quality.metric is auc, was ndcg@10"),
        ({"freshness": {"max_age": "9d"}}, "freshness.max_age is 9d, was 2d"),
        ({"calibration": {"ceiling": 3.0}}, "calibration.ceiling is 3.0, was 1.1"),
        ({"slices": {"dimensions": ("hour",)}}, "slices.dimensions is ['hour']"),
        ({"replay": {"p99_ms": 900.0}}, "replay.p99_ms is 900.0, was 50.0"),
    ],
)
def test_each_way_of_being_laxer_is_named(store, gates, why):
    version = approved(store, "b", GateSpec.model_validate(gates))

    (found,) = laxer_rules(store, version, panel(), HOUR)
    assert why in found


@pytest.mark.parametrize(
    "gates",
    [
        {},
        {"mandatory": ("data", "leakage", "quality", "slices", "replay")},
        {"quality": {"margin": 0.001, "confidence": 0.99, "rule": "superiority"}},
        {"freshness": {"max_age": "1d"}},
    ],
)
def test_what_is_as_strict_or_stricter_is_not_laxer(store, gates):
    version = approved(store, "b", GateSpec.model_validate(gates))

    assert laxer_rules(store, version, panel(), HOUR) == ()
    assert promote(store, version).epoch == 2


def test_fewer_approvers_and_new_reviewers_are_laxer():
    store = MemoryStore()
    version = approved(store, "a", STRICT)
    lib_panel = panel(2)
    promotion.approve(
        store, version, by=signatory("Rob"), panel=lib_panel, release=lib.release_of(version),
        reason="", at=T0,
    )  # fmt: skip
    promote(store, version, approvers=2)
    following = approved(store, "b", STRICT)

    wider = panel(1, (*lib.REVIEWERS, "zoe"))
    assert laxer_rules(store, following, wider, HOUR) == (
        "1 people approve, 2 did", "new reviewers: zoe",
    )  # fmt: skip


def test_a_champion_of_before_rules_were_noted_is_compared_by_its_gates_alone(store):
    (row,) = store.find(LedgerRow, action="promote")
    store._write(replace(row, evidence=row.evidence[:-1]))
    version = approved(store, "b", STRICT)

    assert laxer_rules(store, version, panel(1, ("rita", "zoe")), timedelta(0)) == ()


def test_a_canary_by_laxer_rules_needs_them_approved(store):
    version = approved(store, "b", LAX)
    terms = {
        "share": 0.1, "declared": {}, "mandatory": lib.MANDATORY, "panel": panel(), "bake": HOUR,
        "actor": "flow", "reason": "try it", "at": T0,
    }  # fmt: skip

    with pytest.raises(Held, match=r"laxer rules .*quality\.margin"):
        canary.start(store, version, **terms)
    allow(store, version)
    assert canary.start(store, version, **terms).action == "canary"
