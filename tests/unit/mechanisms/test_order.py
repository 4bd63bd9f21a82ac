import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import DataError
from sluice.mechanisms import rank_by

# NumPy drops NULs at the end of a text, so they are left out.
IDS = st.text(st.characters(codec="utf-8", min_codepoint=1), max_size=3)
SCORED = st.dictionaries(IDS, st.integers(0, 3).map(float), max_size=12)


def shown(scores, ids):
    return [ids[row] for row in rank_by(np.array(scores, np.float64), ids)]


@pytest.mark.parametrize(
    ("scores", "ids", "expected"),
    [
        ([1, 3, 2], ["a", "b", "c"], ["b", "c", "a"]),
        ([1, 1, 2], ["b", "a", "c"], ["c", "a", "b"]),
        ([0.0, -0.0], ["b", "a"], ["a", "b"]),
        ([-math.inf, math.inf, 0], ["a", "b", "c"], ["b", "c", "a"]),
        ([1, 1], ["10", "9"], ["10", "9"]),
        ([], [], []),
    ],
    ids=["descending", "ties by id", "signed zero", "infinite", "ids are text", "empty"],
)
def test_the_highest_score_is_first_and_ties_go_by_id(scores, ids, expected):
    assert shown(scores, ids) == expected


@given(SCORED, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_arrive_does_not_matter(scored, random):
    ids = sorted(scored)
    shuffled = random.sample(ids, len(ids))

    assert shown([scored[i] for i in ids], ids) == shown(
        [scored[i] for i in shuffled], shuffled
    )


@given(SCORED)
def test_it_is_what_sorting_pairs_gives(scored):
    expected = sorted(scored, key=lambda item: (-scored[item], item))

    assert [scored[i] for i in shown(list(scored.values()), list(scored))] == [
        scored[i] for i in expected
    ]


def test_nan_has_no_place_in_an_order():
    with pytest.raises(DataError, match="1 of 2 scores are NaN"):
        rank_by(np.array([1.0, math.nan]), ["a", "b"])


def test_scores_of_other_items_are_refused():
    with pytest.raises(DataError, match="one each is needed"):
        rank_by(np.array([1.0]), ["a", "b"])
