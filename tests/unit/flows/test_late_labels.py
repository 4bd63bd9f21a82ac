"""No label of the judged time has come yet: nothing is known, and the gates say so."""

import json
from dataclasses import replace

import polars as pl
import pytest

from sluice.data.generated import generate
from sluice.flows import trial
from sluice.flows.evaluation import evaluation
from sluice.gates.quality import QualityGate
from sluice.gates.registry import remedies
from sluice.gates.slices import SliceGate
from sluice.mechanisms.arrangement import Arrangement
from sluice.registry.description import markdown
from sluice.registry.page import page
from sluice.registry.plots import draw
from sluice.store.records import Outcome
from tests.lib.cases import a_case
from tests.lib.evidence import an_evidence
from tests.lib.retrainings import FEED, WINDOW, surface


@pytest.fixture(scope="module")
def unlabelled():
    """The evaluation of a candidate on a log whose clicks stopped where judging begins."""
    declared, tables = surface(), generate(FEED).tables
    end = trial.prepare(declared, tables, WINDOW).split.fit_end
    known = tables.feedback.filter(pl.col("received_ts") < end)
    prepared = trial.prepare(declared, replace(tables, feedback=known), WINDOW)
    candidate, baseline = (
        trial.fit(declared, prepared),
        trial.fit_baseline(declared, prepared),
    )
    last = known.filter(pl.col("kind") == "click")["received_ts"].max()
    return evaluation(declared, prepared, candidate, Arrangement(), baseline, None), last


@pytest.fixture
def judge(unlabelled):
    case, gates = a_case(evaluation=unlabelled[0]), surface().gates
    return lambda kind: gates.of(kind).judge(case)


def test_quality_is_inconclusive_and_says_when_the_last_label_came(judge, unlabelled):
    judgement = judge(QualityGate)

    assert judgement.outcome is Outcome.INCONCLUSIVE
    assert "0 of " in judgement.reason
    assert unlabelled[1].isoformat()[:19] in judgement.reason
    assert "ingest what has come since" in " ".join(
        remedies("quality", judgement.outcome, judgement.evidence)
    )
    json.dumps(judgement.evidence, allow_nan=False)


def test_no_slice_passes_either(judge):
    assert judge(SliceGate).outcome is Outcome.INCONCLUSIVE


def test_no_column_was_held_against_anything(unlabelled):
    assert unlabelled[0]["columns"]["alone"] == {}
    assert unlabelled[0]["columns"]["model"] is None


def test_the_page_is_written_all_the_same(unlabelled):
    found = unlabelled[0]
    evidence = an_evidence(metrics=found["metrics"], comparisons={"baseline": ()})

    assert "Slices" in page(replace(evidence, slices=found["slices"]), draw(evidence))
    assert markdown(evidence)
