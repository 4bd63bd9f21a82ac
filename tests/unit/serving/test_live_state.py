"""A served state follows the event log, and answers as the log replayed offline would."""

import numpy as np
import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import Request
from sluice.features.state.replay import replay
from sluice.serving.live_state import LiveState
from sluice.serving.release import open_release
from tests.lib.random_logs import at, log, micros
from tests.lib.releases import END, ITEM_IDS, SPEC, small_log

NOW = at(90_000)
"""A time at which nothing below lies in the future."""


def later_log() -> LogTables:
    """Twelve requests of the hour after the snapshot, the second item clicked."""
    requests = [
        (3600 + 60 * number, f"user{number % 5}", list(ITEM_IDS[number : number + 8]))
        for number in range(12)
    ]
    clicks = [
        (number, user, shown[1], seconds + 3, seconds + 5)
        for number, (seconds, user, shown) in enumerate(requests)
    ]
    renamed = {f"r{number:04d}": f"later{number:02d}" for number in range(12)}
    plain = log(requests, clicks, [{"item_id": "new", "valid_from": at(3700)}])
    return LogTables(
        exposures=plain.exposures.with_columns(pl.col("request_id").replace(renamed)),
        feedback=plain.feedback.with_columns(pl.col("request_id").replace(renamed)),
        items=plain.items,
    )


@pytest.fixture
def events(tmp_path):
    """An event log that holds what the release's snapshot held."""
    log = EventLog(tmp_path / "log")
    log.append(small_log(), at=NOW)
    return log


@pytest.fixture
def opened(release):
    return lambda: open_release(release, release.name)


def asked(seconds: float) -> Request:
    return Request(
        "user1", (*ITEM_IDS, "new"), micros(at(seconds)), {"context_device": 1.0}
    )


def offline(*logs: LogTables, seconds: float) -> np.ndarray:
    """Features of the same request from a replay of everything."""
    tables = LogTables(
        exposures=pl.concat([each.exposures for each in logs], how="diagonal").sort("ts"),
        feedback=pl.concat([each.feedback for each in logs]),
        items=pl.concat([each.items for each in logs]),
    )
    return replay(SPEC, FeedbackKind.CLICK, tables).state.features(asked(seconds))


def taken(events: EventLog, tables: LogTables, low: int, high: int) -> None:
    """Take the rows of requests `low` to `high` alive, with what is said of items at the start."""
    names = [f"later{number:02d}" for number in range(low, high)]
    result = events.take(
        LogTables(
            exposures=tables.exposures.filter(pl.col("request_id").is_in(names)),
            feedback=tables.feedback.filter(pl.col("request_id").is_in(names)),
            items=tables.items if low == 0 else tables.items.clear(),
        ),
        at=NOW,
    )
    assert not result.refused


def test_a_state_that_follows_the_log_answers_as_a_replay_of_all(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()
    before = live.state.features(asked(3601))

    taken(events, later_log(), 0, 12)
    assert live.refresh()
    after = live.state.features(asked(80_000))

    assert before.tobytes() == offline(small_log(), seconds=3601).tobytes()
    whole = offline(small_log(), later_log(), seconds=80_000)
    assert after.tobytes() == whole.tobytes()
    assert after.tobytes() != offline(small_log(), seconds=80_000).tobytes()


def test_a_server_that_starts_later_holds_the_same_state(events, opened):
    running = LiveState(opened(), events)
    running.catch_up()
    for low in range(0, 12, 3):
        taken(events, later_log(), low, low + 3)
        running.refresh()

    restarted = LiveState(opened(), events)
    restarted.catch_up()

    assert restarted.progress == running.progress
    answers = [
        live.state.features(asked(80_000)).tobytes() for live in (running, restarted)
    ]
    assert answers[0] == answers[1]


def test_rows_of_other_surfaces_do_not_reach_the_state(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()
    foreign = later_log()
    foreign = LogTables(
        exposures=foreign.exposures.with_columns(surface=pl.lit("search")),
        feedback=foreign.feedback,
        items=foreign.items.clear(),
    )

    taken(events, foreign, 0, 12)
    live.refresh()

    alone = offline(small_log(), seconds=80_000)
    assert live.state.features(asked(80_000)).tobytes() == alone.tobytes()


def test_a_bulk_ingest_reaches_a_running_state(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()

    events.append(later_log(), at=NOW)
    live.refresh()

    whole = offline(small_log(), later_log(), seconds=80_000)
    assert live.state.features(asked(80_000)).tobytes() == whole.tobytes()


def test_rows_from_before_the_snapshots_end_wait_for_the_next_training(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()
    early = log([(3000, "user1", ["item01"])], [(0, "user1", "item01", 3001, 3002)])
    early = LogTables(
        exposures=early.exposures.with_columns(request_id=pl.lit("early")),
        feedback=early.feedback.with_columns(request_id=pl.lit("early")),
        items=early.items,
    )

    events.take(early, at=NOW)
    live.refresh()

    alone = offline(small_log(), seconds=80_000)
    assert live.state.features(asked(80_000)).tobytes() == alone.tobytes()
    assert live.behind == 0


def test_late_events_count_from_the_states_clock_on(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()
    taken(events, later_log(), 6, 12)
    live.refresh()
    live.state.features(asked(80_000))

    taken(events, later_log(), 0, 6)
    live.refresh()

    assert live.progress.late == 6 * 8 + 6
    shown = live.state.names.index("item.exposure.24h")
    late = live.state.features(asked(80_001))[:, shown]
    whole = offline(small_log(), later_log(), seconds=80_001)[:, shown]
    assert late.tolist() == whole.tolist()


def test_vectors_of_another_length_do_not_stop_the_feed(events, opened):
    live = LiveState(opened(), events)
    live.catch_up()
    odd = log([], [], [{"item_id": "odd", "valid_from": at(3700), "embedding": [1.0] * 3}])

    events.take(odd, at=NOW)
    taken(events, later_log(), 0, 12)
    live.refresh()

    assert live.behind == 0


def test_without_a_log_the_state_stays_at_its_snapshot(opened):
    live = LiveState(opened(), None)
    live.catch_up()

    assert not live.refresh()
    assert live.behind == 0
    assert live.state.clock < END
