import math

import numpy as np
import pytest

from sluice.errors import ConfigError, DataError, TooLittleData
from sluice.metrics import DEFAULT, Auc, Ndcg, WeightedAuc, evaluate, parse_metric
from tests.lib.frames import flat, frame_of


def test_the_default_names_are_the_canonical_six():
    assert [metric.name for metric in DEFAULT] == [
        "auc",
        "mrr",
        "ndcg@5",
        "ndcg@10",
        "recall@5",
        "recall@10",
    ]


def test_requests_with_one_class_are_counted_and_left_out_of_the_mean():
    frame = frame_of([[1, 0], [0, 0], [1, 1], [0, 1], [1]])
    result = evaluate(flat([[2, 1], [2, 1], [2, 1], [2, 1], [1]]), frame)

    assert result.dropped == 3
    np.testing.assert_array_equal(result.values["mrr"], [1, np.nan, np.nan, 0.5, np.nan])
    assert result.mean("mrr") == 0.75


def test_a_mean_over_no_request_is_refused():
    result = evaluate(flat([[2, 1]]), frame_of([[0, 0]]))

    with pytest.raises(TooLittleData, match="none of 1 requests can be judged"):
        result.mean("auc")


def test_a_weighted_mean_counts_a_request_by_its_candidates():
    # AUC 1 over 2 candidates, 1/2 over 3, and one request that is not judged and has no weight.
    frame = frame_of([[1, 0], [0, 1, 0], [0, 0, 0, 0]])
    result = evaluate(
        flat([[2, 1], [3, 2, 1], [4, 3, 2, 1]]), frame, (Auc(), WeightedAuc())
    )

    assert result.mean("auc") == pytest.approx((1 + 1 / 2) / 2)
    assert result.mean("gauc_weighted") == pytest.approx((2 * 1 + 3 * 1 / 2) / 5)
    np.testing.assert_array_equal(result.weight("auc"), [1, 1, 1])


def test_an_empty_frame_evaluates_to_empty_vectors():
    result = evaluate(np.zeros(0), frame_of([]))

    assert result.requests == result.dropped == 0
    assert all(len(vector) == 0 for vector in result.values.values())


def test_nan_scores_are_refused_with_their_count():
    with pytest.raises(DataError, match="2 of 3 scores are NaN"):
        evaluate(np.array([1.0, math.nan, math.nan]), frame_of([[1, 0, 0]]))


def test_scores_of_another_frame_are_refused():
    with pytest.raises(DataError, match="one a row"):
        evaluate(np.zeros(2), frame_of([[1, 0, 0]]))


@pytest.mark.parametrize("label", [-1.0, math.nan, math.inf, 1800.0])
def test_labels_that_are_no_grade_are_refused(label):
    with pytest.raises(DataError, match="1 of 3 labels are no grade"):
        evaluate(np.arange(3.0), frame_of([[1, 0, label]]))


def test_an_unknown_metric_of_an_evaluation_is_refused_with_those_there_are():
    result = evaluate(flat([[2, 1]]), frame_of([[1, 0]]), (Ndcg(3),))

    with pytest.raises(DataError, match="there are: ndcg@3"):
        result.mean("auc")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ndcg",
        "ndcg@0",
        "ndcg@-1",
        "ndcg@x",
        "map@5",
        "auc@5",
        "gauc",
        "ndcg_log@5",
        "NDCG@5",
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(name):
    with pytest.raises(
        ConfigError,
        match="there are: auc, gauc_weighted, map, mrr, hit@<k>, ndcg@<k>, ndcg_linear@<k>, recall@<k>",
    ):
        parse_metric(name)


def test_a_cutoff_below_one_is_refused():
    with pytest.raises(ConfigError, match="cutoff 0"):
        Ndcg(0)
