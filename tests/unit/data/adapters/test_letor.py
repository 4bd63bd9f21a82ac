from datetime import UTC, datetime, timedelta

import pytest

from sluice.data.adapters import read_source
from sluice.data.adapters.letor import EPOCH, MAX_FEATURES
from sluice.data.event_log import EventLog
from sluice.errors import BadRows, DataError
from tests.lib.real_data import real_data
from tests.lib.sources import letor, lightgbm

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return letor(tmp_path)


def refused(tmp_path, text):
    (tmp_path / "S1.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        EventLog(tmp_path / "log").append(read_source("letor", tmp_path), at=AT)
    return caught.value


def test_a_query_is_a_request_and_queries_follow_each_other_by_a_minute(folder):
    exposures = read_source("letor", folder).exposures

    assert exposures.select("request_id", "item_id", "ts").rows() == [
        ("query-7", "GX1", EPOCH),
        ("query-7", "GX2", EPOCH),
        ("query-9", "9-0", EPOCH + timedelta(minutes=1)),
    ]


def test_features_that_a_line_leaves_out_are_zero(folder):
    exposures = read_source("letor", folder).exposures

    assert exposures["context_f1"].to_list() == [0.5, 0.25, 0.0]
    assert exposures["context_f2"].to_list() == [0.0, 1.0, 3.5]
    assert exposures["context_f3"].to_list() == [-1.0, 0.0, 0.0]


def test_every_grade_is_feedback_the_zeros_too(folder):
    feedback = read_source("letor", folder).feedback

    assert feedback.select("item_id", "kind", "value").sort("item_id").rows() == [
        ("9-0", "relevance", 1.0),
        ("GX1", "relevance", 2.0),
        ("GX2", "relevance", 0.0),
    ]


def test_lightgbm_has_group_sizes_beside_the_rows(tmp_path):
    exposures = read_source("letor", lightgbm(tmp_path)).exposures

    assert exposures["request_id"].to_list() == [
        "query-train-0",
        "query-train-0",
        "query-train-1",
    ]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ("2\n2\n", r"group sizes sum to 4, rank\.train has 3 rows"),
        ("2\n0\n1\n", "1 of 3 group sizes are no whole number of at least 1"),
        ("2\none\n", "1 of 2 group sizes"),
    ],
)
def test_group_sizes_must_fit_the_rows(tmp_path, sizes, said):
    folder = lightgbm(tmp_path)
    (folder / "rank.train.query").write_text(sizes)

    with pytest.raises(DataError, match=said):
        read_source("letor", folder)


@pytest.mark.parametrize(
    ("grade", "rule"),
    [
        ("-1", "feedback.relevance.not_a_grade"),
        ("99", "feedback.relevance.not_a_grade"),
        ("0.5", "feedback.relevance.not_a_grade"),
        ("nan", "feedback.value.not_finite"),
        ("-0", "feedback.value.negative"),
        ("good", "grade.unreadable"),
    ],
)
def test_a_label_that_is_no_grade_is_refused(tmp_path, grade, rule):
    error = refused(tmp_path, f"1 qid:1 1:1\n{grade} qid:1 1:0\n")

    assert isinstance(error, BadRows)
    assert error.counts[rule] == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1 qid:1 1:1\n0 qid:2 1:0\n0 qid:1 1:0\n", "exposures.request.several_ts"),
        (
            "1 qid:1 1:1 #docid = D\n0 qid:1 1:0 #docid = D\n",
            "exposures.duplicate_candidate",
        ),
        ("1 qid:1 1:nan\n", "exposures.context_f1.not_finite"),
        ("1 qid:1 1:1e308\n", "exposures.context_f1.not_finite"),
        ("1 qid:1 1:x\n", "feature.unreadable"),
        ("1 qid:1 one:1\n", "feature.unreadable"),
        ("1 qid:1 2:1 2:1\n", "feature.not_ascending"),
    ],
    ids=[
        "interleaved",
        "doubled document",
        "NaN",
        "overflow",
        "text",
        "named",
        "doubled feature",
    ],
)
def test_a_broken_line_is_refused_under_its_rule(tmp_path, text, rule):
    error = refused(tmp_path, text)

    assert isinstance(error, BadRows)
    assert rule in error.counts


def test_lines_without_a_query_are_refused(tmp_path):
    assert "1 of 2 lines have no qid" in str(refused(tmp_path, "1 qid:1 1:1\n0 1:0\n"))


def test_a_feature_number_beyond_reason_is_refused(tmp_path):
    error = refused(tmp_path, f"1 qid:1 1:1 {10**9}:1\n")

    assert f"at most {MAX_FEATURES:,} are read" in str(error)


@pytest.mark.parametrize(
    ("name", "documents", "queries", "grades"),
    [("mq2008", 15_211, 784, [0, 1, 2]), ("lgbm_lambdarank", 3_773, 251, [0, 1, 2, 3, 4])],
)
def test_the_real_sets(tmp_path, name, documents, queries, grades):
    tables = read_source("letor", real_data(name))

    assert EventLog(tmp_path / "log").append(tables, at=AT).exposures == documents
    assert tables.exposures["request_id"].n_unique() == queries
    assert tables.feedback["value"].unique().sort().to_list() == grades
