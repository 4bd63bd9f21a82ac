"""When an alert is raised and when it is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.data.tables import Window
from sluice.monitors.alerts.windows import Judged, Standing, episodes
from sluice.store.records import Outcome

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OUTCOMES = {"+": Outcome.PASS, "-": Outcome.FAIL, "?": Outcome.INCONCLUSIVE}


def days(signs):
    return [
        Judged(Window(FIRST + at * DAY, FIRST + (at + 1) * DAY), OUTCOMES[sign], sign)
        for at, sign in enumerate(signs)
    ]


def told(signs, bad, windows):
    """Of each episode: first bad day, bad days, and the day on whose end it was over."""
    return [
        (
            (episode.since - FIRST).days,
            episode.windows,
            None if episode.resolved is None else (episode.resolved - FIRST).days,
        )
        for episode in episodes(days(signs), bad=bad, windows=windows)
    ]


@pytest.mark.parametrize(
    ("signs", "bad", "windows", "expected"),
    [
        ("", 1, 1, []),
        ("+++", 1, 1, []),
        ("+-+", 1, 1, [(1, 1, 3)]),
        ("+-", 1, 1, [(1, 1, None)]),
        ("--", 1, 1, [(0, 2, None)]),
        ("-+-+", 1, 1, [(0, 1, 2), (2, 1, 4)]),
        ("-+++-", 2, 3, []),
        ("-+-", 2, 3, [(0, 2, None)]),
        ("-+-+", 2, 3, [(0, 2, 4)]),
        ("--+", 2, 3, [(0, 2, None)]),
        ("--++", 2, 3, [(0, 2, 4)]),
        ("--++-", 2, 3, [(0, 2, 4)]),
        ("--++--", 2, 3, [(0, 2, 4), (4, 2, None)]),
        ("??", 1, 1, []),
        ("-?", 1, 1, [(0, 1, None)]),
        ("-?+", 1, 1, [(0, 1, 3)]),
        ("-?-", 2, 2, [(0, 2, None)]),
    ],
)
def test_windows_raise_and_end_an_alert(signs, bad, windows, expected):
    assert told(signs, bad, windows) == expected


@given(st.text("+-?", max_size=30), st.integers(1, 4), st.integers(0, 3))
def test_an_open_alert_has_a_bad_newest_window_among_enough(signs, bad, more):
    windows = bad + more
    raised = episodes(days(signs), bad=bad, windows=windows)
    judged = [sign for sign in signs if sign != "?"]

    assert all(each.windows >= bad for each in raised)
    assert all(each.standing is Standing.RESOLVED for each in raised[:-1])
    if judged and judged[-1] == "-" and judged[-windows:].count("-") >= bad and not raised:
        pytest.fail("enough bad windows raised nothing")
    if len(judged) >= windows and set(judged[-windows:]) == {"+"}:
        assert not raised or raised[-1].standing is Standing.RESOLVED
