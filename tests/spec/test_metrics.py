"""What each metric says of one request, as fractions; labels and scores stand in row order."""

import math

import pytest

from sluice.metrics import evaluate, parse_metric
from tests.lib.frames import flat, frame_of


def log2(value: float) -> float:
    return math.log2(value)


# labels, scores, metric, expected
TABLE = [
    # The order is plain.
    ([1, 0, 0], [3, 2, 1], "auc", 1),
    ([0, 1, 0], [3, 2, 1], "auc", 1 / 2),
    ([0, 0, 1], [3, 2, 1], "auc", 0),
    ([0, 1, 1, 0], [4, 3, 2, 1], "auc", 2 / 4),
    ([0, 1, 0], [3, 2, 1], "mrr", 1 / 2),
    ([0, 0, 1, 1], [4, 3, 2, 1], "mrr", 1 / 3),
    ([0, 1, 0], [3, 2, 1], "ndcg@10", 1 / log2(3)),
    ([0, 1, 0], [3, 2, 1], "ndcg@1", 0),
    ([0, 1, 1], [3, 2, 1], "ndcg@10", (1 / log2(3) + 1 / 2) / (1 + 1 / log2(3))),
    # The ideal order is truncated at k: one of two positives in one place is perfect.
    ([1, 1, 0], [3, 2, 1], "ndcg@1", 1),
    ([1, 1, 0], [3, 2, 1], "recall@1", 1 / 2),
    ([0, 1, 1], [3, 2, 1], "recall@2", 1 / 2),
    # The gain of a grade is 2^grade - 1.
    ([1, 2, 0], [3, 2, 1], "ndcg@10", (1 + 3 / log2(3)) / (3 + 1 / log2(3))),
    ([3, 1, 0], [1, 2, 3], "ndcg@2", (1 / log2(3)) / (7 + 1 / log2(3))),
    # Under its own name, it is the grade itself.
    ([1, 2, 0], [3, 2, 1], "ndcg_linear@10", (1 + 2 / log2(3)) / (2 + 1 / log2(3))),
    ([3, 1, 0], [1, 2, 3], "ndcg_linear@2", (1 / log2(3)) / (3 + 1 / log2(3))),
    # Average precision: a mean over the positives, wherever they stand.
    ([1, 0, 1, 0], [4, 3, 2, 1], "map", (1 + 2 / 3) / 2),
    ([0, 0, 2], [3, 2, 1], "map", 1 / 3),
    ([1, 0, 1, 1], [4, 3, 2, 1], "hit@1", 1),
    ([0, 1, 1, 1], [4, 3, 2, 1], "hit@1", 0),
    ([0, 1, 1, 1], [4, 3, 2, 1], "hit@2", 1),
    ([0, 1, 0], [3, 2, 1], "gauc_weighted", 1 / 2),
    # Ties: the expected value when they are shuffled.
    ([1, 0], [0, 0], "auc", 1 / 2),
    ([1, 0, 0], [1, 1, 0], "auc", 3 / 4),
    ([1, 0], [0, 0], "mrr", (1 + 1 / 2) / 2),
    ([1, 0, 0], [0, 0, 0], "mrr", (1 + 1 / 2 + 1 / 3) / 3),
    ([1, 1, 0], [0, 0, 0], "mrr", 2 / 3 * 1 + 1 / 3 * 1 / 2),
    ([0, 1, 0], [9, 0, 0], "mrr", (1 / 2 + 1 / 3) / 2),
    ([1, 0], [0, 0], "ndcg@10", (1 + 1 / log2(3)) / 2),
    ([1, 0, 0], [0, 0, 0], "ndcg@1", 1 / 3),
    ([1, 0, 0], [0, 0, 0], "recall@1", 1 / 3),
    ([1, 1, 0, 0], [2, 1, 1, 1], "recall@2", (1 + 1 / 3) / 2),
    ([1, 0], [0, 0], "map", (1 + 1 / 2) / 2),
    ([1, 1, 0], [0, 0, 0], "map", (1 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3),
    ([1, 0, 1], [9, 0, 0], "map", (1 + (1 + 2 / 3) / 2) / 2),
    ([1, 1, 0, 0], [0, 0, 0, 0], "hit@1", 1 / 2),
    ([1, 1, 0, 0], [0, 0, 0, 0], "hit@2", 1 - 1 / 6),
    ([1, 0, 0], [1, 1, 2], "hit@1", 0),
    # The lowest score a ranker can give is still a score.
    ([1, 0, 0], [-math.inf, 1, 2], "mrr", 1 / 3),
    # A request with one class says nothing.
    ([1, 1], [2, 1], "auc", math.nan),
    ([0, 0], [2, 1], "ndcg@10", math.nan),
    ([1], [1], "mrr", math.nan),
    ([0], [1], "recall@5", math.nan),
    ([], [], "ndcg@5", math.nan),
]


@pytest.mark.parametrize(("labels", "scores", "name", "expected"), TABLE)
def test_one_request_is_worth_what_the_table_says(labels, scores, name, expected):
    result = evaluate(flat([scores]), frame_of([labels]), (parse_metric(name),))

    assert result.values[name] == pytest.approx([expected], nan_ok=True, abs=1e-12)
    assert result.dropped == math.isnan(expected)
