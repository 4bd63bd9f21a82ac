"""What a window of the log shows: columns beside the features, and the segments of every row."""

import numpy as np
import pytest

from sluice.data.schema import FeedbackKind
from sluice.data.tables import Window
from sluice.errors import ConfigError
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.replay import replay
from sluice.monitors.usual.of_log import DIMENSIONS, watched_rows
from tests.lib.monitors import START, sound_log

TABLES = sound_log()
FRAME = replay(FeatureSpec(), FeedbackKind.CLICK, TABLES).frame
WINDOW = Window(START, TABLES.exposures["ts"].max())


def rows(*dimensions):
    scores = np.zeros(len(FRAME.features))
    return watched_rows(FRAME, scores, TABLES, WINDOW, FeedbackKind.CLICK, dimensions)


def test_answers_and_segments_stand_beside_the_features():
    seen = rows(*DIMENSIONS, "context_device")
    label = seen.values[:, seen.names.index("label")]
    assert seen.names[: len(FRAME.names)] == FRAME.names
    assert (seen.rows, seen.requests, label.sum()) == (300, 60, 20)
    assert set(seen.segments) == {*DIMENSIONS, "context_device"}
    assert seen.segments["provider"].n_unique() == 4
    assert seen.segments["context_device"].n_unique() == 2


def test_a_context_column_that_the_log_lacks_is_left_out():
    assert set(rows("category", "context_locale").segments) == {"category"}


def test_a_side_that_no_row_has_is_refused():
    with pytest.raises(ConfigError, match="Cannot watch by 'colour'"):
        rows("colour")
