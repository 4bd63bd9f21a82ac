from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import DataError
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.replay import replay

FEED = FeedConfig(days=1, requests_per_day=80, users=20, items_per_day=30, candidates=6)
KINDS = (FeedbackKind.CLICK, FeedbackKind.DWELL, FeedbackKind.REPORT)


@pytest.fixture(scope="module")
def tables():
    return generate(FEED).tables


def frame_of(tables, kinds=KINDS):
    return replay(FeatureSpec(windows=("1h",)), FeedbackKind.CLICK, tables, kinds).frame


def test_each_kind_stands_with_the_row_that_it_answers(tables):
    frame = frame_of(tables)
    requests = np.repeat(frame.request_ids, np.diff(frame.offsets))
    rows = dict(
        zip(zip(requests, frame.item_ids, strict=True), range(frame.rows), strict=True)
    )
    expected = {kind.value: np.zeros(frame.rows, np.float32) for kind in KINDS}
    for each in tables.feedback.iter_rows(named=True):
        if each["kind"] in expected:
            values, row = expected[each["kind"]], rows[each["request_id"], each["item_id"]]
            values[row] = max(values[row], each["value"])

    assert set(frame.feedback) == set(expected)
    for kind, values in expected.items():
        np.testing.assert_array_equal(frame.feedback[kind], values)
    np.testing.assert_array_equal(frame.feedback["click"], frame.labels)


def test_the_largest_value_counts_and_what_was_never_shown_counts_nowhere(tables):
    dwell = tables.feedback.filter(pl.col("kind") == "dwell").head(1)
    more = pl.concat(
        [
            dwell.with_columns(pl.col("value") * 2),
            dwell.with_columns(pl.col("value") * 9, item_id=pl.lit("item-unheard-of")),
            dwell.with_columns(pl.col("value") * 9, request_id=pl.lit(None, pl.String)),
            dwell.with_columns(
                pl.col("value") * 9,
                request_id=pl.lit("another"),
                ts=pl.col("ts") + timedelta(1),
            ),
        ]
    )
    once, again = (
        frame_of(LogTables(tables.exposures, feedback, tables.items)).feedback["dwell"]
        for feedback in (tables.feedback, pl.concat([tables.feedback, more]))
    )
    changed = np.flatnonzero(once != again)

    assert len(changed) == 1
    np.testing.assert_allclose(again[changed], 2 * once[changed])


def test_no_kind_is_joined_that_was_not_asked_for(tables):
    assert frame_of(tables, ()).feedback == {}


def test_a_part_of_the_requests_keeps_its_own_feedback(tables):
    frame = frame_of(tables)
    part = frame.take(3, 9)
    rows = slice(int(frame.offsets[3]), int(frame.offsets[9]))

    np.testing.assert_array_equal(part.feedback["dwell"], frame.feedback["dwell"][rows])


def test_feedback_of_other_rows_is_refused(tables):
    frame = frame_of(tables)

    with pytest.raises(DataError, match=r"feedback click is .* the frame has"):
        type(frame)(
            **{**frame.__dict__, "feedback": {"click": frame.feedback["click"][1:]}}
        )
