"""The log is kept small while states follow it, and nobody who asks notices."""

import asyncio
import sqlite3
import time
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from sluice.data.event_log import EventLog
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import Request
from sluice.serving.housekeeping import Ages, Housekeeping
from sluice.serving.live_state import LiveState
from sluice.serving.ranking_server import RankingServer
from sluice.serving.release import open_release
from sluice.serving.request import RankRequest
from sluice.serving.source import FixedSource
from sluice.serving.start import log_ages
from sluice.serving.telemetry import Telemetry
from tests.lib.random_logs import at, log, micros
from tests.lib.releases import ITEM_IDS, small_log

NOW = at(90_000)
"""Of the first intake: after everything below."""
MINUTE = timedelta(minutes=1)
AGES = Ages(compact_after=10 * MINUTE, keep=30 * MINUTE)
BATCHES = 500


def live_batches() -> list[LogTables]:
    """Requests of the hours after the snapshot, one a batch, each with a click on its second item."""
    rng = np.random.default_rng(7)
    requests = [
        (3600 + 60 * number, f"user{number % 5}", list(rng.permutation(ITEM_IDS)[:3]))
        for number in range(BATCHES)
    ]
    clicks = [
        (number, user, shown[1], seconds + 3, seconds + 5)
        for number, (seconds, user, shown) in enumerate(requests)
    ]
    whole = log(requests, clicks)
    names = pl.format("live{}", pl.col("request_id"))
    rows = {
        name: getattr(whole, name)
        .with_columns(request_id=names)
        .partition_by("request_id", as_dict=True, maintain_order=True)
        for name in ("exposures", "feedback")
    }
    return [
        LogTables(rows["exposures"][key], rows["feedback"][key], whole.items)
        for key in rows["exposures"]
    ]


def together(batches: list[LogTables]) -> LogTables:
    return LogTables(
        pl.concat([each.exposures for each in batches]),
        pl.concat([each.feedback for each in batches]),
        batches[0].items,
    )


def a_log(folder) -> EventLog:
    events = EventLog(folder)
    events.append(small_log(), at=NOW - timedelta(days=1))
    return events


def asked(seconds: int) -> RankRequest:
    return RankRequest(
        "user1", ITEM_IDS, micros(at(seconds)), {"context_device": 1.0}, None
    )


class Server:
    """A server that looks at its feed only when it is asked."""

    def __init__(self, release, folder, events):
        self.server = RankingServer(
            FixedSource(release, release.name), folder, lambda: micros(NOW), events=events
        )

    def items(self, seconds):
        return self.server.rank(asked(seconds), f"at{seconds}").items


def parts(events: EventLog) -> int:
    return sum(1 for path in events.root.rglob("*.parquet") if ".keys" not in path.parts)


def test_500_live_batches_end_as_a_few_files_while_states_follow(pristine, tmp_path):
    batches = live_batches()
    events, plain = a_log(tmp_path / "log"), a_log(tmp_path / "plain")
    live = [
        LiveState(open_release(pristine, pristine.name), each) for each in (events, plain)
    ]
    for each in live:
        each.catch_up()
    minute = 0
    keeper = Housekeeping(events, AGES, Telemetry(), clock=lambda: NOW + minute * MINUTE)

    compared, dropped = 0, 0
    for minute, batch in enumerate(batches):
        assert events.take(batch, at=NOW + minute * MINUTE).accepted == 4
        if minute % 10 == 9:
            dropped += keeper.tidy().dropped
        if minute % 25 == 24:
            plain.take(together(batches[minute - 24 : minute + 1]), at=NOW)
            request = Request("user1", ITEM_IDS, micros(at(3690 + 60 * minute)))
            for each in live:
                each.refresh()
            one, other = (each.state.features(request) for each in live)
            assert one.tobytes() == other.tobytes()
            compared += 1
    minute += 60
    dropped += keeper.tidy().dropped

    assert compared == BATCHES / 25
    assert dropped == events.position() == BATCHES + 1
    assert [each.progress.late for each in live] == [0, 0]
    assert parts(events) <= 2 * 8 + 3


def test_a_state_left_behind_answers_and_is_begun_anew(pristine, tmp_path):
    events, plain = a_log(tmp_path / "log"), a_log(tmp_path / "plain")
    behind = Server(pristine, tmp_path / "behind", events)
    fresh = Server(pristine, tmp_path / "fresh", plain)

    async def steps():
        await behind.server.look()
        for batch in live_batches()[:60]:
            for each in (events, plain):
                each.take(batch, at=NOW)
        later = Housekeeping(
            events, AGES, Telemetry(), clock=lambda: NOW + timedelta(hours=1)
        )
        assert later.tidy().dropped == 61
        await fresh.server.look()

        before = behind.items(80_000)
        await behind.server.look()
        after = behind.items(80_001)

        assert before != after == fresh.items(80_001)
        assert behind.server.readiness().behind == 0
        assert behind.server.telemetry.feed_errors == 0
        for each in (behind, fresh):
            await each.server.stop()

    asyncio.run(steps())


@pytest.mark.parametrize(
    "error", [OSError(28, "no space left"), sqlite3.OperationalError("busy")]
)
def test_a_failed_compaction_is_counted_and_tried_again(tmp_path, monkeypatch, error):
    calls = []

    def compact(*_, **named):
        calls.append(named)
        raise error

    monkeypatch.setattr(EventLog, "compact", compact)
    telemetry = Telemetry()
    keeper = Housekeeping(EventLog(tmp_path), AGES, telemetry, every=0.01)
    keeper.start()
    deadline = time.monotonic() + 10
    while len(calls) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    keeper.stop()

    assert telemetry.housekeeping_errors == len(calls) >= 3
    assert (calls[0]["older_than"], calls[0]["keep"]) == (10 * MINUTE, 30 * MINUTE)
    assert not keeper._thread.is_alive()


def test_nothing_is_done_while_another_process_compacts(tmp_path):
    events, telemetry = a_log(tmp_path), Telemetry()
    with events._locked():
        assert Housekeeping(EventLog(tmp_path), AGES, telemetry).tidy() is None
    assert telemetry.housekeeping_errors == 0


def test_a_log_that_surfaces_share_is_kept_as_long_as_the_most_patient_asks(tmp_path):
    for name, keep, after in (("a", "1d", "5m"), ("b", "9d", "20m")):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\nowner = "ann"\n[review]\nreviewers = ["rita"]\n'
            f'[feed]\nkeep = "{keep}"\ncompact_after = "{after}"\n'
        )

    assert log_ages(tmp_path) == Ages(5 * MINUTE, timedelta(days=9))
    assert log_ages(tmp_path / "none") == Ages(10 * MINUTE, timedelta(days=4))
