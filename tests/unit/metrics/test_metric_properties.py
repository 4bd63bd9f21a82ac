"""What holds for every metric, whatever the scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.metrics import evaluate, parse_metric
from sluice.metrics.ranks import rank_positives
from tests.lib.frames import flat, frame_of, generated_frame, scored_groups

EVERY = tuple(
    parse_metric(name)
    for name in (
        "auc", "gauc_weighted", "map", "mrr", "ndcg@5", "ndcg@10", "ndcg_linear@5", "recall@1",
        "recall@5", "hit@1", "hit@5",
    )
)  # fmt: skip
TIED = scored_groups(max_grade=3, max_size=8, levels=3)


def values(labels, scores):
    result = evaluate(flat(scores), frame_of(labels), EVERY)
    return np.stack([result.values[name] for name in result.names])


@given(TIED)
def test_values_lie_between_zero_and_one(drawn):
    found = values(*drawn)
    known = found[~np.isnan(found)]

    assert np.all((known >= -1e-12) & (known <= 1 + 1e-12))


@given(TIED, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, random):
    labels, scores = drawn
    orders = [random.sample(range(len(group)), len(group)) for group in labels]
    moved_labels = [
        [group[i] for i in order] for group, order in zip(labels, orders, strict=True)
    ]
    moved_scores = [
        [group[i] for i in order] for group, order in zip(scores, orders, strict=True)
    ]

    np.testing.assert_allclose(
        values(moved_labels, moved_scores), values(labels, scores), atol=1e-12
    )


@given(TIED, st.randoms(use_true_random=False))
def test_each_request_is_judged_by_itself(drawn, random):
    labels, scores = drawn
    order = random.sample(range(len(labels)), len(labels))
    moved = values([labels[i] for i in order], [scores[i] for i in order])

    np.testing.assert_array_equal(moved, values(labels, scores)[:, order])


@given(TIED)
def test_only_the_order_of_scores_matters(drawn):
    labels, scores = drawn
    stretched = [[score**3 * 7.0 - 100 for score in group] for group in scores]

    np.testing.assert_array_equal(values(labels, stretched), values(labels, scores))


@given(scored_groups(max_grade=1, max_size=8))
def test_reversed_scores_mirror_the_auc(drawn):
    labels, scores = drawn
    reverse = [[-score for score in group] for group in scores]

    np.testing.assert_allclose(
        values(labels, reverse)[0], 1 - values(labels, scores)[0], atol=1e-12
    )


@given(scored_groups(max_grade=3, max_size=8))
def test_the_ideal_order_scores_one(drawn):
    labels, _ = drawn
    by_name = evaluate(flat(labels), frame_of(labels), EVERY).values

    for name in ("auc", "map", "mrr", "ndcg@5", "ndcg@10", "ndcg_linear@5", "hit@1"):
        known = by_name[name][~np.isnan(by_name[name])]
        np.testing.assert_allclose(known, 1.0, atol=1e-12)


def test_a_constant_scorer_gets_what_a_random_one_gets_on_average():
    frame = generated_frame(4000, 10, rng=np.random.default_rng(0))
    constant = evaluate(np.zeros(frame.rows), frame, EVERY)
    random = evaluate(np.random.default_rng(1).normal(size=frame.rows), frame, EVERY)

    for name in constant.names:
        assert constant.mean(name) == pytest.approx(random.mean(name), abs=0.02)


@pytest.mark.parametrize("positives", [1, 5, 48, 49, 150])
def test_searching_and_scanning_count_alike(positives):
    rng = np.random.default_rng(positives)
    scores = rng.integers(0, 40, size=200).astype(np.float64)
    labels = np.zeros(200)
    labels[rng.choice(200, positives, replace=False)] = 1
    ranks = rank_positives(scores, labels, np.array([0, 200]))

    mine = scores[labels > 0]
    np.testing.assert_array_equal(ranks.above, (scores > mine[:, None]).sum(axis=1))
    np.testing.assert_array_equal(ranks.tied, (scores == mine[:, None]).sum(axis=1))
    others = scores[labels == 0]
    np.testing.assert_array_equal(
        ranks.negatives_above, (others > mine[:, None]).sum(axis=1)
    )
    np.testing.assert_array_equal(
        ranks.negatives_tied, (others == mine[:, None]).sum(axis=1)
    )


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_a_name_leads_back_to_its_metric(metric):
    assert parse_metric(metric.name) == metric
