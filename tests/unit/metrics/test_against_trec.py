"""Agreement with trec_eval, which breaks ties by document name and so serves as a shuffler too."""

import itertools

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings

from sluice.metrics import (
    AveragePrecision,
    HitRate,
    Ndcg,
    Recall,
    ReciprocalRank,
    evaluate,
)
from tests.lib.frames import flat, frame_of, scored_groups

METRICS = (
    AveragePrecision(), ReciprocalRank(), Ndcg(1), Ndcg(5), Ndcg(10), Recall(1), Recall(5),
    Recall(10), HitRate(1), HitRate(5), HitRate(10),
)  # fmt: skip
MEASURES = {"map", "recip_rank", "ndcg_cut.1,5,10", "recall.1,5,10", "success.1,5,10"}
TREC_STEMS = {"mrr": "recip_rank", "ndcg": "ndcg_cut", "hit": "success"}


def exponential(grade: int) -> int:
    """trec_eval takes the relevance itself as the gain."""
    return int(2**grade - 1)


def trec(labels, scores, group: int, gain=exponential) -> dict[str, float]:
    """trec_eval of one request, by our names."""
    qrel = {"q": {f"{i:03}": gain(grade) for i, grade in enumerate(labels[group])}}
    run = {"q": {f"{i:03}": float(score) for i, score in enumerate(scores[group])}}
    found = pytrec_eval.RelevanceEvaluator(qrel, MEASURES).evaluate(run)["q"]
    return {metric.name: found[trec_name(metric.name)] for metric in METRICS}


def trec_name(name: str) -> str:
    stem, _, cutoff = name.partition("@")
    return "_".join(filter(None, (TREC_STEMS.get(stem, stem), cutoff)))


def shuffled_trec(labels, scores, group: int) -> dict[str, float]:
    """Mean of trec_eval over every order of the candidates, scores going with their candidate."""
    rows = list(zip(labels[group], scores[group], strict=True))
    orders = [list(zip(*order, strict=True)) for order in itertools.permutations(rows)]
    results = [trec([order[0]], [order[1]], 0) for order in orders]
    return {
        name: float(np.mean([result[name] for result in results])) for name in results[0]
    }


def both_classes(group) -> bool:
    return any(label > 0 for label in group) and any(label == 0 for label in group)


def assert_agrees(labels, scores, oracle, tolerance):
    result = evaluate(flat(scores), frame_of(labels), METRICS)
    for group in range(len(labels)):
        if both_classes(labels[group]):
            expected = oracle(labels, scores, group)
            found = {name: float(result.values[name][group]) for name in result.names}
            assert found == pytest.approx(expected, abs=tolerance)


@given(scored_groups(max_grade=1, max_size=15))
def test_binary_labels_without_ties_agree_with_trec_eval(drawn):
    labels, scores = drawn
    assert_agrees(labels, scores, trec, 1e-6)


@given(scored_groups(max_grade=4, max_size=15))
def test_graded_labels_without_ties_agree_with_trec_eval(drawn):
    labels, scores = drawn
    assert_agrees(labels, scores, trec, 1e-6)


@given(scored_groups(max_grade=4, max_size=15))
def test_a_linear_gain_is_the_grade_itself(drawn):
    labels, scores = drawn
    names = {"ndcg_linear@5": "ndcg@5", "ndcg_linear@10": "ndcg@10"}
    metrics = [Ndcg(5, "linear"), Ndcg(10, "linear")]
    result = evaluate(flat(scores), frame_of(labels), metrics)

    for group in filter(lambda at: both_classes(labels[at]), range(len(labels))):
        expected = trec(labels, scores, group, gain=int)
        for ours, theirs in names.items():
            assert result.values[ours][group] == pytest.approx(expected[theirs], abs=1e-6)


@given(scored_groups(max_grade=3, max_size=5, levels=2))
@settings(max_examples=25)
def test_ties_are_worth_the_mean_of_trec_eval_over_all_orders(drawn):
    labels, scores = drawn
    assert_agrees(labels, scores, shuffled_trec, 1e-6)


def test_a_long_request_agrees_with_trec_eval_where_sorting_replaces_scanning():
    rng = np.random.default_rng(3)
    labels = [rng.integers(0, 3, size=400).tolist()]
    scores = [rng.permutation(400).tolist()]

    assert_agrees(labels, scores, trec, 1e-6)
