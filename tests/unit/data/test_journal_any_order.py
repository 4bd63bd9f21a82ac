"""Any interleaving of intake, ingest, compaction and tailing by two handles is one ingest."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.data.event_log import EventLog
from sluice.data.schema import TABLES
from sluice.data.snapshot import take as take_snapshot
from sluice.data.tables import LogTables, Window
from tests.lib.killed_log import hours
from tests.lib.logs import AT, START, tiny_log

EVER = Window(START - timedelta(days=30), AT + timedelta(days=30))
KEEP = timedelta(days=1)
REQUESTS = 30
"""Over two days."""


@st.composite
def steps(draw):
    """Who does what; each request comes once at least, whole or in two halves, and perhaps again."""
    order = draw(st.permutations(range(REQUESTS)))
    sizes = draw(st.lists(st.integers(1, 6), min_size=8, max_size=8))
    drawn, at = [], 0
    for size in sizes:
        batch = order[at : at + size]
        at += size
        way = st.sampled_from(["take", "append", "halves", "take twice"])
        drawn.append((draw(st.booleans()), draw(way), sorted(batch)))
        if draw(st.booleans()):
            what = draw(st.sampled_from(["compact", "tail"]))
            drawn.append((draw(st.booleans()), what, []))
    return drawn


def rows_of(numbers):
    whole = hours(0, REQUESTS)
    named = [f"r{number}" for number in numbers]
    return LogTables(
        whole.exposures.filter(whole.exposures["request_id"].is_in(named)),
        whole.feedback.filter(whole.feedback["request_id"].is_in(named)),
        tiny_log().items,
    )


def do(log, way, numbers, tailed):
    rows = rows_of(numbers)
    if way == "append":
        log.append(rows, at=AT)
    elif way in {"take", "take twice"}:
        for _ in range(1 if way == "take" else 2):
            assert log.take(rows, AT).refused == ()
    elif way == "halves":
        first = rows.exposures["item_id"].is_in(["a", "b"])
        assert log.take(
            LogTables(rows.exposures.filter(first), rows.feedback, rows.items), AT
        )
        assert log.take(
            LogTables(rows.exposures.filter(~first), rows.feedback, rows.items), AT
        )
    elif way == "compact":
        log.compact(timedelta(0), KEEP, AT + timedelta(minutes=1))
    else:
        follow(log, tailed)


def follow(log, tailed):
    for batch in log.tail(tailed[-1].position if tailed else 0):
        tailed.append(batch)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps())
def test_the_log_is_what_one_ingest_of_the_same_rows_makes(drawn):
    with tempfile.TemporaryDirectory() as folder:
        handles = [EventLog(Path(folder) / "log") for _ in range(2)]
        tailed = []
        for is_second, way, numbers in drawn:
            do(handles[is_second], way, numbers, tailed)
        follow(handles[0], tailed)
        plain = EventLog(Path(folder) / "plain")
        plain.append(rows_of([n for _, _, numbers in drawn for n in numbers]), at=AT)

        expected = plain.read(EVER)
        for log in handles:
            for table in TABLES:
                assert getattr(log.read(EVER), table).equals(getattr(expected, table))
        for table in TABLES:
            seen = [row for b in tailed for row in getattr(b.tables, table).rows()]
            assert sorted(seen, key=str) == sorted(getattr(expected, table).rows(), key=str)
        assert [batch.position for batch in tailed] == list(range(1, len(tailed) + 1))
        first, second = (
            take_snapshot(log, EVER, Path(folder)) for log in (handles[1], plain)
        )
        assert first.digest == second.digest
