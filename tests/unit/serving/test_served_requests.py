"""What was answered lately, over memory, neighbours' segments and sealed files."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from sluice.serving.prediction_log import LogLimits, PredictionLog
from sluice.serving.served_index import ServedIndex
from sluice.serving.served_request import ServedSlot
from sluice.serving.served_requests import ServedRequests
from tests.lib.predictions import prediction
from tests.unit.serving.test_prediction_log import killed_with

QUICK = LogLimits(flush_seconds=0.001)


@pytest.fixture
def ours(tmp_path):
    return ServedRequests(tmp_path, "for_you", "1-ab")


def stored(log, *predictions):
    before = log.counts().stored
    for each in predictions:
        log.append(each)
    while log.counts().stored < before + len(predictions):
        time.sleep(0.001)


def test_an_answer_is_there_at_once_slot_by_slot(ours):
    ours.remember(prediction(3))
    ((found,),) = ours.lookup(["r3", "r4"]).values()

    assert (found.request_id, found.user_id, found.ts) == ("r3", "u", 3)
    assert (found.surface, found.release) == ("for_you", "e" * 64)
    assert found.slots == {
        "c": ServedSlot(1, 0.7, 1.0, 2),
        "a": ServedSlot(2, 0.1 + 0.2, 0.5, 0),
        "b": ServedSlot(3, -0.0, 0.25, 1),
    }
    assert found.context_at("context_seen", found.slots["c"]) == 3.0
    assert found.context_at("context_hour", found.slots["c"]) == 7.0


def test_the_memory_holds_the_newest(tmp_path):
    few = ServedRequests(tmp_path, "s", "1-ab", answers=3)
    for number in range(10):
        few.remember(prediction(number))

    assert set(few.lookup(f"r{number}" for number in range(10))) == {"r7", "r8", "r9"}


def test_the_memory_is_bounded_by_what_the_answers_take(tmp_path):
    few = ServedRequests(tmp_path, "s", "1-ab", memory_mb=0.01)
    for number in range(100):
        few.remember(prediction(number))

    assert 1 < len(few.lookup(f"r{number}" for number in range(100))) < 10


def test_a_neighbours_answer_is_seen_while_its_segment_is_written_and_after(ours, tmp_path):
    neighbour = PredictionLog(tmp_path, QUICK)
    stored(neighbour, *(prediction(number) for number in range(50)))
    first = ours.lookup(["r7"])
    stored(neighbour, prediction(50))
    second = ours.lookup(["r50"])
    neighbour.close()
    after = ours.lookup(["r7", "r50"])

    assert {name: found[0].ts for name, found in (first | second).items()} == {
        "r7": 7,
        "r50": 50,
    }
    assert after == first | second


def test_a_segment_that_is_sealed_between_two_looks_is_read_from_its_parquet(
    ours, tmp_path
):
    neighbour = PredictionLog(tmp_path, QUICK)
    stored(neighbour, *(prediction(number) for number in range(5)))
    ours.lookup(["r0"])
    stored(neighbour, prediction(5))
    ours.refresh()
    neighbour.close()
    ours._refreshed = time.monotonic() + 60
    ours.remember(prediction(5))

    # Nothing is missing from memory, so nothing is refreshed before the segment is opened.
    assert len(ours.lookup(["r5"])["r5"]) == 2


@pytest.mark.faults
def test_answers_of_a_process_that_was_killed_can_be_confirmed(ours, tmp_path):
    killed_with(tmp_path, 20)

    assert set(ours.lookup(["r0", "r19", "r20"])) == {"r0", "r19"}


def test_answers_that_have_left_memory_are_read_from_our_own_file(tmp_path):
    log = PredictionLog(tmp_path, QUICK)
    few = ServedRequests(tmp_path, "s", log.process, answers=2)
    for number in range(6):
        few.remember(prediction(number))
        stored(log, prediction(number))

    assert set(few.lookup(["r0", "r5"])) == {"r0", "r5"}
    assert len(few.lookup(["r5"])["r5"]) == 1
    log.close()


def test_only_new_bytes_are_read(ours, tmp_path, monkeypatch):
    neighbour = PredictionLog(tmp_path, QUICK)
    stored(neighbour, *(prediction(number) for number in range(50)))
    ours.lookup(["r1"])
    taken = []
    monkeypatch.setattr(
        ServedIndex, "_take_in", lambda _, source, ids, place: taken.extend(ids.to_pylist())
    )
    stored(neighbour, prediction(50))
    ours.lookup(["r50"])
    ours.lookup(["unknown"])

    assert taken == ["r50"]
    neighbour.close()


def test_an_id_that_was_answered_twice_has_both_answers_newest_first(ours, tmp_path):
    neighbour = PredictionLog(tmp_path, QUICK)
    stored(neighbour, prediction(1, ts=20))
    ours.remember(prediction(1, ts=10))
    ours.remember(prediction(1, ts=30))

    assert [found.ts for found in ours.lookup(["r1", "other"])["r1"]] == [30, 20, 10]
    neighbour.close()


def test_hours_that_ended_long_ago_are_not_looked_into(tmp_path):
    old = datetime.now(UTC) - timedelta(hours=30)
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001), lambda: old)
    log.append(prediction(1))
    log.close()

    assert ServedRequests(tmp_path, "s", "1-ab").lookup(["r1"]) == {}
    assert set(ServedRequests(tmp_path, "s", "1-ab", hours=48).lookup(["r1"])) == {"r1"}


@pytest.mark.faults
def test_a_damaged_file_is_told_and_the_others_are_read(ours, tmp_path, caplog):
    killed_with(tmp_path, 5)
    (segment,) = tmp_path.iterdir()
    segment.write_bytes(b"x" * 100)
    log = PredictionLog(tmp_path, QUICK)
    stored(log, prediction(9))

    assert set(ours.lookup(["r0", "r9"])) == {"r9"}
    assert caplog.text.count("cannot be held against") == 1
    ours.lookup(["r0"])
    assert caplog.text.count("cannot be held against") == 1
    log.close()


def test_an_index_beyond_its_bound_forgets_the_oldest(tmp_path):
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001, batch=20))
    stored(log, *(prediction(number) for number in range(2_000)))
    log.close()
    index = ServedIndex(tmp_path, timedelta(hours=1), most=1_200)
    index.refresh()
    held = sum(len(run.hashes) for run in index._runs)
    found = index.find({"r0", "r1999"}, None)

    assert held == 1_050
    assert "r1999" in found
    assert "r0" not in found


def test_request_ids_are_compared_and_not_their_hashes_alone(ours, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sluice.serving.served_index._hashes",
        lambda ids: __import__("numpy").zeros(len(ids), "uint64"),
    )
    log = PredictionLog(tmp_path, QUICK)
    stored(log, *(prediction(number) for number in range(20)))

    assert set(ours.lookup(["r3", os.urandom(4).hex()])) == {"r3"}
    log.close()
