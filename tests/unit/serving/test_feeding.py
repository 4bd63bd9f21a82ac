"""A feed is read into the event log by one worker at a time, and nothing in it stops what follows."""

import asyncio
import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta

import orjson
import pytest

from sluice.data.event_log import EventLog
from sluice.data.feeds import FeedGap
from sluice.data.feeds.memory import MemoryFeed, MemorySource
from sluice.data.frames import conform
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables, Window
from sluice.errors import ConfigError, SchemaError
from sluice.serving.feeding import Feed, Feeding, FeedPace
from sluice.serving.port import Intake
from sluice.serving.problem import Rejected
from sluice.serving.ranking_server import RankingServer
from sluice.serving.request import RankRequest
from sluice.serving.source import FixedSource
from sluice.serving.start import ranking_server
from sluice.serving.telemetry import Telemetry, exposition_text, scrape
from tests.lib.logs import AT, START, exposure, item
from tests.lib.releases import END

EVER = Window(START - timedelta(days=30), AT)
QUICK = FeedPace(wait=0.02, first=0.02, longest=0.05, takeover=0.02)


def message(**tables) -> bytes:
    return orjson.dumps(tables)


def shown(request: int, name: str = "a") -> bytes:
    return message(exposures=[exposure(request, name, 1)])


class World:
    """A log, a feed in memory, and readers of it."""

    def __init__(self, folder):
        self.log, self.published = EventLog(folder / "log"), MemoryFeed()
        self.taken, self.breaks = [], None

    def take(self, rows, offset):
        if self.breaks:
            self.breaks(rows)
        tables = {name: conform(name, rows.tables[name]) for name in TABLES}
        taken = self.log.take(LogTables(**tables), AT, offset=offset)
        self.taken.append(taken)
        return Intake(taken.accepted, taken.repeated, taken.refused)

    def reader(self, **named):
        feed = Feed("for_you", "clicks", lambda: MemorySource(self.published), **named)
        return Feeding(self.log, feed, self.take, Telemetry(), pace=QUICK)

    def read(self, reader=None):
        reader = reader or self.reader()
        reader.read_once(MemorySource(self.published))
        return reader._telemetry

    @property
    def requests(self):
        return self.log.requests(AT)["request_id"].sort().to_list()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@contextmanager
def running(*readers):
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        for reader in readers:
            reader.stop()


def wait_until(is_so):
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


def test_the_rows_of_a_read_and_its_offset_are_one_batch_of_the_log(world):
    world.published.publish(shown(1), message(items=[item("a")]), shown(2))

    counted = world.read()

    assert [taken.accepted for taken in world.taken] == [3]
    assert world.requests == ["r1", "r2"]
    assert world.log.offset("clicks") == "3"
    assert (counted.feed_source_messages, counted.feed_source_errors) == (3, 0)


def test_another_reader_goes_on_where_the_log_stands(world):
    world.published.publish(shown(1))
    world.read()
    world.published.publish(shown(2))

    world.read()
    world.read()

    assert [(taken.accepted, taken.repeated) for taken in world.taken] == [(1, 0), (1, 0)]
    assert world.requests == ["r1", "r2"]


def test_what_cannot_be_read_or_taken_is_counted_by_code_and_left(world, caplog):
    secret = "anna@example.org"
    misplaced = exposure(2, "a", 1, user_id=secret) | {"position": 0}
    world.published.publish(
        secret.encode(),
        message(clicks=[secret]),
        message(exposures=[exposure(1, "a", 1, user_id=secret, colour=secret)]),
        message(exposures=[misplaced, exposure(3, "a", 1)]),
        b"x" * ((8 << 20) + 1),
        shown(4),
    )
    reader = world.reader()
    while world.log.offset("clicks") != "6":
        world.read(reader)

    counted = world.read(reader)

    assert world.requests == ["r3", "r4"]
    assert counted.feed_source_refused == {
        "not_json": 1,
        "unknown_field": 2,
        "exposures.position.below_1": 1,
        "too_large": 1,
    }
    assert counted.feed_source_messages == 6
    assert "unknown_field" in caplog.text
    assert secret not in caplog.text


def test_a_message_that_breaks_the_intake_does_not_stop_those_beside_it(world, caplog):
    def breaks(rows):
        if "r2" in rows.tables["exposures"]["request_id"]:
            raise SchemaError("of request r2")

    world.breaks = breaks
    world.published.publish(shown(1), shown(2), shown(3))

    counted = world.read()

    assert world.requests == ["r1", "r3"]
    assert counted.feed_source_refused == {"broken": 1}
    assert world.log.offset("clicks") == "3"
    assert "r2" not in caplog.text


@pytest.mark.parametrize(
    "error", [OSError(28, "no space left"), Rejected(503, "no release")]
)
def test_nothing_is_passed_over_while_nothing_can_be_taken(world, error):
    def breaks(_):
        raise error

    world.breaks = breaks
    world.published.publish(shown(1), b"no json")
    reader = world.reader()
    for _ in range(2):
        with pytest.raises(type(error)):
            world.read(reader)

    world.breaks = None
    counted = world.read(reader)

    assert world.requests == ["r1"]
    assert counted.feed_source_refused == {"not_json": 1}


def test_a_running_reader_comes_back_after_its_source_was_away(world):
    reader = world.reader()
    world.published.away = True
    with running(reader):
        wait_until(lambda: reader._telemetry.feed_source_errors > 2)
        world.published.away = False
        world.published.publish(shown(1))
        wait_until(lambda: world.log.position() == 1)

    assert world.requests == ["r1"]


def test_the_wait_after_failures_doubles_to_a_limit_and_is_never_exact(world, monkeypatch):
    reader, waits = world.reader(), []
    monkeypatch.setattr(reader._closing, "wait", waits.append)
    for _ in range(12):
        reader._failed(FeedGap("gone"))

    bounds = [min(QUICK.first * 2**nth, QUICK.longest) for nth in range(12)]
    assert all(
        bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True)
    )
    assert len(set(waits)) == 12


def test_a_gap_stops_the_reader_and_says_so(world, caplog):
    world.published.publish(shown(1))
    world.read()
    world.published.publish(shown(2))
    world.published.forget()
    world.published.publish(shown(3))
    reader = world.reader()

    with running(reader):
        wait_until(lambda: reader._telemetry.feed_source_gaps > 1)

    assert world.requests == ["r1"]
    assert world.log.offset("clicks") == "1"
    assert "those from 2 on" in caplog.text


def test_a_gap_is_counted_and_left_where_that_is_declared(world, caplog):
    world.published.publish(shown(1))
    world.read()
    world.published.publish(shown(2))
    world.published.forget()
    world.published.publish(shown(3))

    counted = world.read(world.reader(go_on_after_gap=True))

    assert world.requests == ["r1", "r3"]
    assert counted.feed_source_gaps == 1
    assert "goes on after a gap" in caplog.text


def test_one_of_several_workers_reads_and_another_takes_over(world):
    first, second = world.reader(), world.reader()
    numbers = itertools.count(1)

    def reads(reader):
        before = reader._telemetry.feed_source_messages
        world.published.publish(shown(next(numbers)))
        wait_until(lambda: reader._telemetry.feed_source_messages > before)

    with running(first):
        reads(first)
        with running(second):
            reads(first)
            assert second._telemetry.feed_source_messages == 0
            first.stop()
            reads(second)

    assert all(taken.repeated == 0 for taken in world.taken)
    assert world.requests == ["r1", "r2", "r3"]


HOLDER = """
import sys, time
from pathlib import Path
from sluice.serving.feeding import Feed, Feeding
from sluice.serving.telemetry import Telemetry
from sluice.data.event_log import EventLog
feeding = Feeding(EventLog(Path(sys.argv[1])), Feed("for_you", "clicks", None), None, Telemetry())
with feeding._turn() as is_mine:
    print(is_mine, flush=True)
    time.sleep(60)
"""


@pytest.mark.faults
def test_another_worker_takes_over_from_one_that_was_killed(world):
    holder = [sys.executable, "-c", HOLDER, str(world.log.root)]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stdout.readline() == "True\n"
            world.published.publish(shown(1))
            reader = world.reader()
            with running(reader):
                time.sleep(0.3)
                assert world.log.position() == 0

                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()
                wait_until(lambda: world.log.position() == 1)
        finally:
            worker.kill()


def test_a_confirmation_through_the_feed_is_completed_by_what_was_answered(
    pristine, tmp_path
):
    log, published = EventLog(tmp_path / "log"), MemoryFeed()
    server = RankingServer(
        FixedSource(pristine, pristine.name), tmp_path, lambda: END + 5, events=log
    )
    feed = Feed("for_you", "clicks", lambda: MemorySource(published))
    server.run_beside(Feeding(log, feed, server.take, server.telemetry, pace=QUICK))
    published.publish(shown(1))

    async def steps():
        server.start()
        while server.serving is None:
            await asyncio.sleep(0.01)
        answer = server.rank(
            RankRequest("user1", ("item01", "item02"), END, {}, None), "asked"
        )
        confirmed = [
            {"request_id": "asked", "item_id": name} for name, _, _ in answer.items
        ]
        published.publish(message(exposures=confirmed))
        while server.telemetry.feed_source_messages < 2:
            await asyncio.sleep(0.01)
        assert not server.telemetry.feed_source_refused
        metrics = exposition_text(scrape(server, {})).decode()
        await server.stop()
        return answer, metrics

    answer, metrics = asyncio.run(asyncio.wait_for(steps(), 60))

    rows = log.read(EVER).exposures.filter(request_id="asked").sort("position")
    assert rows.select("item_id", "position").rows() == [
        (name, slot) for name, _, slot in answer.items
    ]
    assert rows["release"].unique().to_list() == [pristine.name]
    assert rows["propensity"].null_count() == 0
    assert "sluice_feed_source_messages_total 2.0" in metrics
    assert "sluice_feed_source_errors_total" in metrics


SURFACE = """
name = "for_you"
owner = "ann"
[review]
reviewers = ["rita"]
[feed]
"""


@pytest.fixture
def declared(tmp_path):
    """A ranking server made for a surface that declares a feed."""

    def make(feed, **environ):
        folder = tmp_path / "surfaces"
        folder.mkdir(exist_ok=True)
        (folder / "for_you.toml").write_text(SURFACE + feed)
        names = {"HOME": tmp_path / "home", "SURFACES": folder, "SURFACE": "for_you"}
        return ranking_server(
            {f"SLUICE_{name}": str(value) for name, value in (names | environ).items()}
        )

    return make


def test_a_surface_whose_feed_is_the_log_has_no_reader(declared):
    beside = declared('kind = "log"')._beside

    assert [type(work).__name__ for work in beside] == ["Housekeeping"]


@pytest.mark.parametrize("kind", ["redis", "kafka"])
def test_a_surface_with_a_feed_has_a_reader_whose_offset_outlives_a_move(declared, kind):
    named = []
    for port in (1, 2):
        address = f'kind = "{kind}"\naddress = "127.0.0.1:{port}"\nname = "clicks"'
        _, reader = declared(address)._beside
        named.append(reader._feed.name)

    assert named == [f"for_you/{kind}/clicks/0"] * 2


def test_a_package_that_is_missing_is_named_with_its_extra(declared, monkeypatch):
    for kind, package in (("redis", "redis"), ("kafka", "confluent_kafka")):
        for module in [
            name for name in sys.modules if name.startswith("sluice.data.feeds.")
        ]:
            if module.endswith((".redis_stream", ".kafka_topic")):
                monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, package, None)
        extra = rf"package {package.replace('_', '-')} is not .* install 'sluice\[{kind}\]'"

        with pytest.raises(ConfigError, match=extra):
            declared(f'kind = "{kind}"\naddress = "127.0.0.1:1"\nname = "clicks"')


def test_a_password_in_the_address_is_refused_and_not_repeated(declared, caplog):
    caplog.set_level(logging.DEBUG)
    for address in ("me:hunter2@127.0.0.1:6379", "hunter2", "127.0.0.1:hunter2"):
        with pytest.raises(ConfigError, match="SLUICE_FEED_PASSWORD") as refused:
            declared(f'kind = "redis"\naddress = "{address}"\nname = "clicks"')
        assert "hunter2" not in str(refused.value) + caplog.text


def test_the_password_comes_from_a_file_that_only_its_owner_reads(declared, tmp_path):
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    feed = 'kind = "redis"\naddress = "127.0.0.1:1"\nname = "clicks"'
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        declared(feed, FEED_PASSWORD_FILE=path)

    path.chmod(0o600)
    _, reader = declared(feed, FEED_PASSWORD_FILE=path)._beside
    source = reader._feed.open()
    settings = source._client.connection_pool.connection_kwargs
    assert settings["password"] == "hunter2"
    assert "hunter2" not in repr(reader._feed)
