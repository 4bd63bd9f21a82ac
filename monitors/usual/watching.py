"""A watched window of the log against the ordinary windows before it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sluice.data.tables import Window
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.history import alike, divide
from sluice.monitors.usual.judge import judge
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.limits import LEAST
from sluice.monitors.usual.profile import Binning, Profile
from sluice.monitors.usual.report import UsualReport, learning, unknown

_SEED = 17

Rows = Callable[[Window], Watched | None]
"""What is watched of a window; None where nothing was shown in it."""


def windows_before(watched: Window, log: Window) -> list[Window]:
    """Windows of the watched one's length back to the log's start, the oldest first.

    The log's first window is left out: counters that begin with nothing are no usual.
    """
    length = watched.length
    whole = max(0, int((watched.start - log.start) / length) - 1)
    starts = [watched.start - length * back for back in range(whole, 0, -1)]
    return [Window(start, start + length) for start in starts]


def compare(windows: Sequence[Window], rows: Rows, min_rows: int) -> UsualReport:
    """Judge the last of the windows by those before it.

    Args:
        windows: consecutive, in the order of time.
        rows: what is watched of a window.
        min_rows: of a window or a segment, below which nothing is said.
    """
    *before, watched = windows
    alike_ones = alike([entry.start for entry in before], watched.start)
    history = divide([before[index] for index in alike_ones])
    if history.missing:
        return learning(history.missing)
    ordinary = [shown for entry in history.usual if (shown := rows(entry)) is not None]
    if (missing := LEAST - len(ordinary)) > 0:
        return learning(missing)
    newest = rows(watched)
    if newest is None:
        return unknown(0, min_rows)
    trail = [
        (entry, shown) for entry in history.trail if (shown := rows(entry)) is not None
    ]
    since = [*trail, (watched, newest)]
    binning = Binning.learn(ordinary)
    profiles = [Profile.of(binning, entry) for entry in ordinary]
    usual = Usual.learn(profiles, min_rows, np.random.default_rng(_SEED))
    report = judge(usual, [Profile.of(binning, shown) for _, shown in since], min_rows)
    return _dated(report, [entry for entry, _ in since])


def _dated(report: UsualReport, windows: Sequence[Window]) -> UsualReport:
    """The report with the time since when its worst finding is beyond the usual."""
    if not report.since:
        return report
    began = windows[-report.since].start
    reason = f"{report.reason}; since {began:%Y-%m-%d %H:%M} UTC"
    return replace(report, began=began, reason=reason)
