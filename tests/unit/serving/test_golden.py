import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.features.state.feature_state import Request
from sluice.serving.golden import (
    GoldenRequest,
    decode_golden,
    encode_golden,
    mismatches,
    record_golden,
    same_bits,
    sample_requests,
)
from tests.lib.random_logs import START, at, micros
from tests.lib.releases import END, small_log, small_scorer

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.builds(
            GoldenRequest,
            st.builds(
                Request,
                st.text(st.characters(codec="utf-8")),
                st.tuples(st.just("a"), st.just("b")),
                st.integers(0, 1 << 60),
                st.dictionaries(
                    st.just("context_x"), st.one_of(FLOATS, st.tuples(FLOATS, FLOATS))
                ),
            ),
            st.tuples(FLOATS, FLOATS),
        ),
        max_size=3,
    )
)
def test_golden_requests_survive_the_file_bit_for_bit(golden):
    read = decode_golden(encode_golden(golden))

    assert list(read) == golden
    assert not mismatches(golden, [one.scores for one in read])


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([0.1 + 0.2], [0.3], False),
        ([0.0], [-0.0], False),
        ([float("nan")], [float("nan")], True),
        ([1.0], [1.0, 2.0], False),
        ([], [], True),
    ],
)
def test_equality_is_of_bits(left, right, same):
    assert same_bits(left, np.array(right, np.float64)) is same


def test_a_missing_answer_is_a_mismatch():
    golden = [GoldenRequest(Request("u", ("a",), 0), (1.0,), (0,))] * 3

    assert mismatches(golden, [[1.0]]) == (1, 2)


def test_requests_are_sampled_over_the_whole_judged_time():
    picked = sample_requests(small_log().exposures, micros(at(200)), 5)

    assert [(one.ts - micros(START)) // 10_000_000 for one in picked] == [
        20,
        25,
        30,
        34,
        39,
    ]
    assert all(len(one.item_ids) == 10 for one in picked)
    assert picked[0].context["context_device"] == 2.0
    assert picked[0].context["context_rank"] == tuple(range(1, 11))


def test_fewer_requests_than_asked_are_all_taken_and_none_is_no_error():
    assert len(sample_requests(small_log().exposures, micros(START), 1000)) == 40
    assert sample_requests(small_log().exposures, END, 5) == ()


def test_recorded_requests_are_asked_where_nothing_waits_so_they_can_be_repeated():
    scorer = small_scorer()
    golden = record_golden(
        scorer, sample_requests(small_log().exposures, micros(START), 8), END
    )
    scorer.scores(Request("user1", ("item01",), END + 86_400_000_000))

    assert {one.request.ts for one in golden} == {END}
    assert not mismatches(golden, [scorer.scores(one.request).tolist() for one in golden])
