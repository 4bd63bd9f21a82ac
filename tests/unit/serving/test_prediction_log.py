import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from serving.prediction_log import Prediction, PredictionLog
from serving.prediction_reader import read_predictions
from sluice.errors import IntegrityError


def prediction(number=0):
    return Prediction(
        request_id=f"r{number}",
        ts=number,
        user_id="u",
        item_ids=("a", "b"),
        positions=(1, 2),
        scores=(0.1 + 0.2, -0.0),
        propensities=(1.0, 1.0),
        features_digest="f" * 64,
        release="e" * 64,
    )


def balanced(counts):
    return counts.accepted == counts.stored + counts.dropped + counts.in_queue


def wait_until(met, seconds=10.0):
    until = time.monotonic() + seconds
    while not met() and time.monotonic() < until:
        time.sleep(0.01)
    return met()


def test_what_is_logged_is_read_back_bit_for_bit(tmp_path):
    log = PredictionLog(tmp_path / "for_you")
    given = tuple(prediction(number) for number in range(1200))
    for one in given:
        assert log.append(one)
    counts = log.close()
    read = read_predictions(tmp_path / "for_you")

    assert (counts.accepted, counts.stored, counts.dropped, counts.in_queue) == (
        1200,
        1200,
        0,
        0,
    )
    assert read.predictions == given
    assert [str(score) for score in read.predictions[0].scores] == [
        "0.30000000000000004",
        "-0.0",
    ]
    assert (read.missing, read.torn) == (0, 0)
    assert len(list((tmp_path / "for_you").iterdir())) <= 2


def test_nothing_written_is_nothing_read(tmp_path):
    assert PredictionLog(tmp_path / "unused").close().accepted == 0
    assert read_predictions(tmp_path / "unused").predictions == ()


def test_the_counts_balance_at_every_moment_under_concurrency(tmp_path):
    log = PredictionLog(tmp_path, capacity=50, batch=10, flush_seconds=0.001)
    unbalanced, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            counts = log.counts()
            if not balanced(counts) or counts.in_queue > 50:
                unbalanced.append(counts)

    def feed():
        for number in range(3000):
            log.append(prediction(number))

    watcher = threading.Thread(target=watch)
    feeders = [threading.Thread(target=feed) for _ in range(4)]
    for thread in (watcher, *feeders):
        thread.start()
    for thread in feeders:
        thread.join()
    counts = log.close(timeout=30)
    stop.set()
    watcher.join()
    read = read_predictions(tmp_path)

    assert not unbalanced
    assert (counts.accepted, counts.in_queue) == (12_000, 0)
    assert len(read.predictions) == counts.stored
    assert read.missing <= counts.dropped


def test_a_hung_sink_never_holds_a_request_and_drops_the_newest(tmp_path, monkeypatch):
    # A real hang: opening a pipe that nobody reads blocks the writer for ever.
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("serving.prediction_log.segment_path", lambda *_: tmp_path / "pipe")
    log = PredictionLog(tmp_path, capacity=20, batch=5, flush_seconds=0.01)
    begun = time.perf_counter()
    taken = [log.append(prediction(number)) for number in range(1000)]
    spent = time.perf_counter() - begun
    counts = log.counts()

    assert spent < 1.0
    assert taken.count(True) == 20
    assert taken[:20] == [True] * 20
    assert (counts.stored, counts.dropped, counts.in_queue) == (0, 980, 20)
    assert balanced(log.close(timeout=0.1))

    drained = bytearray()
    with (tmp_path / "pipe").open("rb") as pipe:
        while chunk := pipe.read():
            drained += chunk
    monkeypatch.undo()
    assert wait_until(lambda: log.counts().in_queue <= 15)


def test_a_sink_that_fails_drops_and_counts_and_recovers(tmp_path, caplog):
    blocked = tmp_path / "for_you"
    blocked.write_text("a file where the folder should be")
    log = PredictionLog(blocked, flush_seconds=0.001)
    log.append(prediction(1))
    assert wait_until(lambda: log.counts().dropped == 1)
    blocked.unlink()
    log.append(prediction(2))
    counts = log.close()
    read = read_predictions(blocked)

    assert (counts.stored, counts.dropped) == (1, 1)
    assert (len(read.predictions), read.missing) == (1, 1)
    assert "cannot be written" in caplog.text


def test_dropped_predictions_leave_a_gap_in_the_sequence(tmp_path):
    log = PredictionLog(tmp_path, capacity=1, flush_seconds=0.3)
    for number in range(5):
        log.append(prediction(number))
    assert wait_until(lambda: log.counts().stored == 1)
    log.append(prediction(5))
    log.close()
    read = read_predictions(tmp_path)

    assert [one.request_id for one in read.predictions] == ["r0", "r5"]
    assert read.missing == 4


_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from serving.prediction_log import PredictionLog
from tests.unit.serving.test_prediction_log import prediction
log = PredictionLog(Path({folder!r}), flush_seconds=0.05)
for number in range(100_000):
    log.append(prediction(number))
    time.sleep(0.0005)
    if number % 50 == 0:
        counts = log.counts()
        print(counts.accepted, counts.stored, flush=True)
"""


@pytest.mark.faults
def test_kill_9_loses_at_most_what_was_not_yet_written(tmp_path):
    root = str(Path.cwd())
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED.format(root=root, folder=str(tmp_path))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    lines = [child.stdout.readline() for _ in range(12)]
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0]
    told = [line for line in (*lines, *rest.splitlines()) if line.strip()]
    accepted, stored = map(int, told[-1].split())
    read = read_predictions(tmp_path)

    assert accepted > 500
    assert len(read.predictions) >= stored > 0
    assert read.missing == 0
    assert [one.ts for one in read.predictions] == list(range(len(read.predictions)))


def test_a_torn_last_line_is_counted_and_a_broken_one_refused(tmp_path):
    log = PredictionLog(tmp_path)
    log.append(prediction())
    log.close()
    (segment,) = tmp_path.iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[:40])

    assert (
        len(read_predictions(tmp_path).predictions),
        read_predictions(tmp_path).torn,
    ) == (1, 1)

    segment.write_bytes(whole[:40] + b"\n" + whole)
    with pytest.raises(IntegrityError, match="line 1: not a prediction"):
        read_predictions(tmp_path)
