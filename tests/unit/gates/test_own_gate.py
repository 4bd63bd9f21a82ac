"""A gate that stands in this file alone is declared, measured, judged, explained and shown."""

from types import SimpleNamespace
from typing import ClassVar

import pytest
from pydantic import Field

from sluice.errors import ConfigError
from sluice.gates import registry
from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.figures import Row
from sluice.gates.judgement import Judgement, finite
from sluice.gates.measuring import measured
from sluice.gates.outcome import Outcome
from sluice.gates.spec import TIERS, GateSpec
from sluice.registry import promotion
from sluice.registry.description import markdown
from sluice.registry.explanation import explain
from sluice.registry.page import page
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from sluice.surface import load_surface
from tests.lib.cases import a_case
from tests.lib.evidence import an_evidence
from tests.lib.promotions import BY_FLOW, bring, judged
from tests.lib.stores import T0
from tools.reference.surface_file import surface_page

TOML = """
name = "feed"
owner = "ann"
[gates]
mandatory = ["data", "leakage", "quality", "length", "replay"]
[gates.length]
longest = {longest}
[review]
reviewers = ["rita"]
"""
MANDATORY = ("data", "leakage", "quality", "length", "replay")


class LengthGate(Gate):
    """How many candidates a request may have."""

    name: ClassVar[str] = "length"
    question: ClassVar[str] = "Is every list short enough to be ranked in time?"
    position: ClassVar[int] = 45
    measured_as: ClassVar[str] = "length"
    not_plain: ClassVar[frozenset[str]] = frozenset({"worst"})

    longest: int = Field(default=100, ge=1)
    """Candidates of a request, at most."""

    def measure(self, scene):
        return {"longest": max(scene.judged.lengths, default=None)}

    def judge(self, case: Case) -> Judgement:
        rows = finite(case.evaluation.get("length", {}).get("longest"))
        evidence = {
            "limits": self.model_dump(mode="json"),
            "longest": rows,
            "worst": [rows],
        }
        if rows is None:
            reason = "Nobody knows how long the lists are."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        outcome = Outcome.PASS if rows <= self.longest else Outcome.FAIL
        reason = f"The longest list has {rows}, {self.longest} are allowed."
        return Judgement(self.name, outcome, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        return [("longest list of all", str(rows)) for rows in evidence["worst"]]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        return [f"lists of {evidence['limits']['longest']} candidates at most"]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_kinds", dict(registry.kinds()))
    registry.register(LengthGate)


def declared(folder, longest="40"):
    (folder / "feed.toml").write_text(TOML.format(longest=longest))
    return load_surface(folder / "feed.toml").gates


def scene(gates, lengths, mandatory=MANDATORY):
    declared = SimpleNamespace(mandatory=mandatory, of=gates.of)
    return SimpleNamespace(gates=declared, judged=SimpleNamespace(lengths=lengths))


def verdict(folder, lengths):
    """What it says of judged requests as long as these, from the surface file to the verdict."""
    gates = declared(folder)
    gate = gates.of(LengthGate)
    return gate.judge(a_case(evaluation={"length": gate.measure(scene(gates, lengths))}))


def test_it_is_declared_in_a_surface_file(tmp_path):
    gates = declared(tmp_path)

    assert gates.of(LengthGate) == LengthGate(longest=40)
    assert [gate.name for gate in gates.demanded] == list(MANDATORY)
    assert gates.model_dump(mode="json")["length"] == {"longest": 40}
    assert GateSpec().of(LengthGate).longest == 100
    assert "How many candidates a request may have." in surface_page()


@pytest.mark.parametrize("longest", ["0", "'many'", "40\nwidest = 3"])
def test_what_it_cannot_mean_is_refused_by_key(longest, tmp_path):
    with pytest.raises(ConfigError, match=r"gates\.length\.(longest|widest)"):
        declared(tmp_path, longest)


@pytest.mark.parametrize(
    ("mandatory", "figures"), [(MANDATORY, {"longest": 41}), (("data",), {})]
)
def test_it_is_measured_where_it_is_demanded(mandatory, figures, tmp_path, monkeypatch):
    gates = declared(tmp_path)
    monkeypatch.setattr(registry, "_kinds", {"length": LengthGate})

    assert measured(scene(gates, [8, 41], mandatory)) == {"length": figures}


@pytest.mark.parametrize(
    ("lengths", "outcome"),
    [([8, 40], Outcome.PASS), ([8, 41], Outcome.FAIL), ([], Outcome.INCONCLUSIVE)],
)
def test_it_judges_what_it_measured(lengths, outcome, tmp_path):
    assert verdict(tmp_path, lengths).outcome is outcome


def test_it_holds_a_version_and_is_explained(tmp_path):
    store = MemoryStore()
    version = bring(store, State.CANDIDATE)
    judgements = [*judged("data", "leakage", "quality"), verdict(tmp_path, [41])]
    state = promotion.gate(store, version, judgements, mandatory=MANDATORY, **BY_FLOW)
    row = next(
        row for row in explain(store, version, MANDATORY, T0) if row.gate == "length"
    )

    assert state is State.BLOCKED
    assert (row.question, row.outcome, row.holds) == (LengthGate.question, "fail", True)
    assert row.reason == "The longest list has 41, 40 are allowed."
    assert row.figures == (("longest", "41"), ("longest list of all", "41"))
    assert row.changes == ("lists of 40 candidates at most",)


def test_the_page_and_the_description_show_it(tmp_path):
    evidence = an_evidence(mandatory=MANDATORY, judgements=(verdict(tmp_path, [41]),))

    for text in (page(evidence, {}), markdown(evidence)):
        assert "The longest list has 41, 40 are allowed." in text
        assert "Held: failed at length" in text
    assert LengthGate.question in page(evidence, {})


def test_a_tier_demands_it_where_it_says_so(monkeypatch):
    assert all("length" not in tier.gates for tier in TIERS.values())
    assert registry.is_waivable("length")

    monkeypatch.setattr(LengthGate, "laxest_tier", "standard")

    assert [name for name, tier in TIERS.items() if "length" in tier.gates] == [
        "critical", "standard",
    ]  # fmt: skip


def test_no_two_gates_have_one_name():
    other = type("Other", (LengthGate,), {"__module__": __name__})

    with pytest.raises(ConfigError, match="another name"):
        registry.register(other)
