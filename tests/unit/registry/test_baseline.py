"""The declared baseline serves by one move of the ledger, and what was promoted goes on from there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sluice.errors import Held, NotFound, Refused
from sluice.gates.quality import QualityGate
from sluice.gates.spec import GateSpec
from sluice.rankers.manifest import RankerManifest
from sluice.registry import promotion
from sluice.registry.audit import audit
from sluice.registry.baseline import ensure_baseline, package_baseline, serve_baseline
from sluice.registry.moves import position_of
from sluice.registry.promotion import champion_of
from sluice.registry.rules import laxer_rules
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, LedgerRow, State
from tests.lib import promotions as lib
from tests.lib.promotions import BY_FLOW, bring, panel, promote, release_of, rollback
from tests.lib.stores import T0, a_draft

SERVED, CONFIRMED = State.CHAMPION_PROVISIONAL, State.CHAMPION


@pytest.fixture
def store():
    return MemoryStore()


def packaged(store, run="baseline", **changes):
    draft = replace(a_draft(run, **changes), family="popularity")
    version = promotion.register(store, draft, actor="ann", at=T0)
    package_baseline(store, version, release_of(version), **BY_FLOW)
    return version


def serve(store, version, reason="nothing ranks well"):
    return serve_baseline(store, version, reason=reason, **BY_FLOW)


def test_the_baseline_serves_without_gates_or_review(store):
    champion, baseline = bring(store, SERVED), packaged(store)

    row = serve(store, baseline)

    assert (row.action, row.version, row.epoch) == ("baseline", 2, 2)
    assert champion_of(store, "feed").release == release_of(baseline)
    assert position_of(store, champion).state is State.ROLLED_BACK
    assert serve(store, baseline) == row
    assert audit(store) == []


def test_a_promotion_goes_over_the_baseline(store):
    bring(store, SERVED)
    baseline = packaged(store)
    serve(store, baseline)

    promote(store, bring(store, State.APPROVED, "next"))
    assert champion_of(store, "feed").last_good_version == baseline.number
    rollback(store)

    assert champion_of(store, "feed").version == baseline.number
    assert position_of(store, baseline).state is CONFIRMED  # it needs no bake here either
    assert audit(store) == []


def test_it_serves_again_and_is_left_by_number(store):
    bring(store, CONFIRMED)
    baseline = packaged(store)
    serve(store, baseline)
    rollback(store, to=1)

    assert serve(store, baseline).epoch == 4
    assert audit(store) == []


def test_without_a_champion_there_is_no_move(store):
    with pytest.raises(NotFound, match="no champion that the baseline could replace"):
        serve(store, packaged(store))


@pytest.mark.parametrize("reached", [State.APPROVED, State.GATED])
def test_no_other_version_serves_as_one(store, reached):
    bring(store, CONFIRMED)

    with pytest.raises(Held, match="no baseline that is ready"):
        serve(store, bring(store, reached, "other"))


def test_a_version_that_served_is_no_baseline(store):
    first = bring(store, CONFIRMED)
    bring(store, CONFIRMED, "second")

    with pytest.raises(Held, match="retired and no baseline"):
        serve(store, first)


def test_a_baseline_needs_a_reason(store):
    bring(store, CONFIRMED)

    with pytest.raises(Refused, match="needs a reason"):
        serve(store, packaged(store), reason=" ")


@pytest.mark.parametrize("family", ["popularity", "lambdamart"])
def test_only_the_declared_family_is_signed(store, tmp_path, family):
    body = {"ranker": {"baseline": "popularity"}}
    spec = store.put(Document.of("declaration", body, T0)).digest
    version = packaged(store, spec=spec)
    (tmp_path / "model").mkdir()
    RankerManifest(family=family, parameters={}, names=("a",)).write(tmp_path / "model")

    if family == "popularity":
        ensure_baseline(store, version, tmp_path)
        return
    with pytest.raises(Refused, match=r"is a lambdamart.* names popularity"):
        ensure_baseline(store, version, tmp_path)


def test_the_rules_of_before_outlive_a_baseline(store):
    """Else one move without a review would make any rules those of the champion."""
    strict, lax = GateSpec(), GateSpec(quality=QualityGate(margin=0.5))
    specs = {
        name: store.put(
            Document.of("declaration", {"gates": gates.model_dump(mode="json")}, T0)
        ).digest
        for name, gates in (("strict", strict), ("lax", lax))
    }
    first = promotion.register(
        store, a_draft("a", spec=specs["strict"]), actor="ann", at=T0
    )
    for step in (lib.gate, lib.package, lib.submit, lib.approve, lib.promote):
        step(store, first)
    serve(store, packaged(store, spec=specs["lax"]))

    draft = a_draft("b", spec=specs["lax"])
    version = promotion.register(store, draft, actor="ann", at=T0)
    found = laxer_rules(
        store, version, panel(reviewers=(*lib.REVIEWERS, "zoe")), timedelta(0)
    )
    assert any("margin is 0.5, was" in sentence for sentence in found)
    assert "new reviewers: zoe" in found
    assert len(store.find(LedgerRow, action="promote")) == 1
