from itertools import pairwise

import numpy as np
import pytest

from sluice.rankers import make_ranker
from sluice.rankers.explain import explain, importance
from tests.lib.frames import generated_frame


@pytest.fixture(scope="module")
def frame():
    return generated_frame(200, 8, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(frame):
    ranker = make_ranker("lambdamart", {"trees": 20, "leaves": 7, "num_threads": 1})
    return ranker.fit(frame, np.random.default_rng(5))


def told(fitted, frame):
    features = frame.take(3, 4).features
    order = np.argsort(-fitted.score(features), kind="stable")
    return explain(fitted, features, order), order


def test_importance_names_first_what_drives_the_clicks(fitted, frame):
    found = importance(fitted, frame.features)

    assert next(iter(found)) == "quality"
    assert sorted(found) == sorted(frame.names)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_no_rows_have_no_importance(fitted, frame):
    assert set(importance(fitted, frame.features[:0]).values()) == {0.0}


def test_each_candidate_is_told_from_the_top_down(fitted, frame):
    standings, order = told(fitted, frame)

    assert [standing.rank for standing in standings] == list(range(1, 9))
    assert [standing.row for standing in standings] == order.tolist()


def test_reasons_and_base_sum_to_the_score(fitted, frame):
    for standing in told(fitted, frame)[0]:
        total = standing.base + sum(standing.reasons.values())
        assert total == pytest.approx(standing.score, abs=1e-9)


def test_reasons_against_another_sum_to_the_difference_of_the_scores(fitted, frame):
    standings, _ = told(fitted, frame)

    for above, below in pairwise(standings):
        gap = above.score - below.score
        assert sum(above.against_next.values()) == pytest.approx(gap, abs=1e-9)
        behind = below.score - standings[0].score
        assert sum(below.against_best.values()) == pytest.approx(behind, abs=1e-9)
    assert standings[-1].against_next == {}
    assert set(standings[0].against_best.values()) == {0.0}


def test_a_request_without_candidates_has_nothing_to_tell(fitted, frame):
    assert explain(fitted, frame.features[:0], np.zeros(0, np.int64)) == ()
