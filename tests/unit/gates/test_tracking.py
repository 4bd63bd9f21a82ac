import re
from dataclasses import replace

from sluice.registry.tracking import metrics, parameters, tags
from tests.lib.evidence import RELEASE, a_comparison, an_evidence
from tests.lib.tracked import DECLARATION, a_candidate, a_ranker


def test_a_declaration_becomes_dotted_parameters():
    declared = {
        "ranker": {"family": "lambdamart", "parameters": {"trees": 5}},
        "windows": ["1h"],
    }

    assert parameters(declared) == {
        "ranker.family": "lambdamart",
        "ranker.parameters.trees": "5",
        "windows": '["1h"]',
    }
    assert parameters(DECLARATION)["gates.quality.metric"] == "ndcg@10"


def test_metric_names_are_such_that_mlflow_takes_them():
    found = metrics(an_evidence())

    assert found["candidate/ndcg_at_10"] == 0.640
    assert found["baseline/auc"] == 0.602
    assert found["minus_champion/ndcg_at_10_low"] == 0.021
    assert all(re.fullmatch(r"[\w\-./ :]+", name) for name in found)


def test_a_figure_that_is_not_finite_is_no_metric():
    found = metrics(
        an_evidence(
            metrics={"candidate": {"auc": float("nan"), "mrr": 0.5}},
            comparisons={"baseline": (a_comparison(high=float("inf")),)},
        )
    )

    assert set(found) == {
        "candidate/mrr",
        "minus_baseline/ndcg_at_10",
        "minus_baseline/ndcg_at_10_low",
    }


def test_tags_name_the_release_once_there_is_one(tmp_path):
    packaged = a_candidate(a_ranker(tmp_path, "popularity"))
    unpackaged = a_candidate(tmp_path, release=None)

    assert tags(packaged)["sluice.release"] == RELEASE
    assert "sluice.release" not in tags(unpackaged)
    assert packaged.content != unpackaged.content
    assert replace(packaged).content == packaged.content
