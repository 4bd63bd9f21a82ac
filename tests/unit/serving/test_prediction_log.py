import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sluice.errors import ConfigError, IntegrityError
from sluice.serving.prediction import sampled
from sluice.serving.prediction_files import log_files, seal
from sluice.serving.prediction_log import LogLimits, PredictionLog
from sluice.serving.prediction_reader import read_predictions
from sluice.serving.prediction_segment import Span
from tests.lib.predictions import prediction

QUICK = LogLimits(flush_seconds=0.001)
HOUR = datetime(2026, 1, 12, 10, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = HOUR

    def __call__(self):
        return self.now


def balanced(counts):
    return counts.accepted == counts.stored + counts.dropped + counts.in_queue


def wait_until(met, seconds=10.0):
    until = time.monotonic() + seconds
    while not met() and time.monotonic() < until:
        time.sleep(0.01)
    return met()


def suffixes(folder):
    return sorted(path.suffix for path in folder.iterdir())


def killed_with(folder, count, root=None):
    """A process that stores `count` predictions in a segment and dies of signal 9."""
    script = f"""
import os, sys, time
sys.path.insert(0, {str(root or Path.cwd())!r})
from pathlib import Path
from sluice.serving.prediction_log import LogLimits, PredictionLog
from tests.lib.predictions import prediction
log = PredictionLog(Path({str(folder)!r}), LogLimits(flush_seconds=0.001))
for number in range({count}):
    log.append(prediction(number))
while log.counts().stored < {count}:
    time.sleep(0.001)
os.kill(os.getpid(), 9)
"""
    assert (
        subprocess.run([sys.executable, "-c", script], check=False).returncode
        == -signal.SIGKILL
    )


def test_what_is_logged_is_read_back_bit_for_bit(tmp_path):
    log = PredictionLog(tmp_path / "for_you")
    given = tuple(
        prediction(number, features=bytes([number % 256]) * 8 if number % 3 else None)
        for number in range(1200)
    )
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
    assert [str(score) for score in read.predictions[0].scores[:2]] == [
        "0.30000000000000004",
        "-0.0",
    ]
    assert (read.missing, read.torn) == (0, 0)
    assert set(suffixes(tmp_path / "for_you")) == {".parquet"}


def test_what_is_logged_can_be_read_before_it_is_sealed(tmp_path):
    log = PredictionLog(tmp_path, QUICK)
    log.append(prediction(1))
    assert wait_until(lambda: log.counts().stored == 1)
    read = read_predictions(tmp_path)

    assert suffixes(tmp_path) == [".segment"]
    assert read.predictions == (prediction(1),)
    assert (read.missing, read.torn) == (0, 0)
    log.close()


def test_nothing_written_is_nothing_read(tmp_path):
    assert PredictionLog(tmp_path / "unused").close().accepted == 0
    assert read_predictions(tmp_path / "unused").predictions == ()


def test_only_the_times_asked_for_are_read(tmp_path):
    log = PredictionLog(tmp_path, LogLimits(batch=10))
    for number in range(100):
        log.append(prediction(number))
    log.close()
    read = read_predictions(tmp_path, since=20, until=23)

    assert [one.ts for one in read.predictions] == [20, 21, 22]
    assert read.missing == 0
    assert read_predictions(tmp_path, since=100).frame.is_empty()


def test_the_files_are_for_their_owner_alone(tmp_path):
    log = PredictionLog(tmp_path / "s", QUICK)
    log.append(prediction())
    assert wait_until(lambda: log.counts().stored == 1)
    (segment,) = (tmp_path / "s").iterdir()
    assert segment.stat().st_mode & 0o077 == 0
    log.close()
    (sealed,) = (tmp_path / "s").iterdir()

    assert sealed.stat().st_mode & 0o077 == 0
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_the_counts_balance_at_every_moment_under_concurrency(tmp_path):
    log = PredictionLog(tmp_path, LogLimits(capacity=50, batch=10, flush_seconds=0.001))
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
    assert len(read.frame) == counts.stored
    assert read.missing <= counts.dropped


def test_a_hung_sink_never_holds_a_request_and_drops_the_newest(tmp_path, monkeypatch):
    # A real hang: opening a pipe that nobody reads blocks the writer for ever.
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(Span, "stem", property(lambda _: "hung"))
    (tmp_path / "pipe").rename(tmp_path / "hung.segment")
    log = PredictionLog(tmp_path, LogLimits(capacity=20, batch=5, flush_seconds=0.01))
    begun = time.perf_counter()
    taken = [log.append(prediction(number)) for number in range(1000)]
    spent = time.perf_counter() - begun
    counts = log.counts()

    assert spent < 1.0
    assert taken.count(True) == 20
    assert taken[:20] == [True] * 20
    assert (counts.stored, counts.dropped, counts.in_queue) == (0, 980, 20)
    assert balanced(log.close(timeout=0.1))

    # As soon as somebody reads, it goes on.
    with (tmp_path / "hung.segment").open("rb") as pipe:
        while pipe.read():
            pass
    assert wait_until(lambda: log.counts().in_queue == 0)
    assert balanced(log.counts())


def test_requests_of_many_candidates_are_dropped_before_they_fill_the_memory(tmp_path):
    many = tuple(f"i{number}" for number in range(5_000))
    large = prediction(
        0, candidates=many, scores=(0.0,) * 5_000, order=tuple(range(5_000)), context={}
    )
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=1.0, waiting_mb=4.0))
    taken = [log.append(large) for _ in range(20)]
    counts = log.close()

    assert taken[:4] == [True] * 4
    assert not any(taken[5:])
    assert balanced(counts)
    assert read_predictions(tmp_path).missing == counts.dropped


def test_a_sink_that_fails_drops_and_counts_and_recovers(tmp_path, caplog):
    blocked = tmp_path / "for_you"
    blocked.write_text("a file where the folder should be")
    log = PredictionLog(blocked, QUICK)
    log.append(prediction(1))
    assert wait_until(lambda: log.counts().dropped == 1)
    log.append(prediction(2))
    assert wait_until(lambda: log.counts().dropped == 2)
    blocked.unlink()
    log.append(prediction(3))
    counts = log.close()
    read = read_predictions(blocked)

    assert (counts.stored, counts.dropped) == (1, 2)
    assert (len(read.predictions), read.missing) == (1, 2)
    assert caplog.text.count("cannot be written") == 1
    assert "written again" in caplog.text


def test_a_full_disk_tears_nothing_and_loses_nothing_silently(tmp_path):
    # The limit of the file size is met in the middle of a write, as the end of a disk is.
    log = PredictionLog(tmp_path, QUICK)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, before[1]))
    try:
        for number in range(40):
            log.append(prediction(number, user_id=os.urandom(200).hex()))
            assert wait_until(lambda: log.counts().in_queue == 0)
        counts = log.counts()
        segment = read_predictions(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.append(prediction(40))
    closed = log.close()
    read = read_predictions(tmp_path)

    assert counts.dropped > 0 < counts.stored
    assert balanced(counts)
    assert len(segment.frame) == counts.stored
    assert (len(read.frame), closed.stored) == (counts.stored + 1, counts.stored + 1)
    assert (read.missing, read.torn) == (counts.dropped, 0)


def test_dropped_predictions_leave_a_gap_in_the_sequence(tmp_path):
    log = PredictionLog(tmp_path, LogLimits(capacity=1, flush_seconds=0.3))
    for number in range(5):
        log.append(prediction(number))
    assert wait_until(lambda: log.counts().stored == 1)
    log.append(prediction(5))
    log.close()
    read = read_predictions(tmp_path)

    assert [one.request_id for one in read.predictions] == ["r0", "r5"]
    assert read.missing == 4


def test_an_hour_that_is_over_is_sealed_while_the_next_is_written(tmp_path):
    clock = Clock()
    log = PredictionLog(tmp_path, QUICK, clock)
    for hour in range(3):
        clock.now = HOUR + timedelta(hours=hour, minutes=20)
        log.append(prediction(hour))
        assert wait_until(lambda hour=hour: log.counts().stored == hour + 1)
    assert wait_until(lambda: suffixes(tmp_path) == [".parquet", ".parquet", ".segment"])
    hours = [file.span.hour for file in log_files(tmp_path)]
    read = read_predictions(tmp_path)
    log.close()

    assert hours == [HOUR, HOUR + timedelta(hours=1), HOUR + timedelta(hours=2)]
    assert [one.ts for one in read.predictions] == [0, 1, 2]
    assert read.missing == 0


def test_hours_older_than_they_are_kept_are_deleted_and_counted(tmp_path):
    clock = Clock()
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001, keep="2h"), clock)
    for hour in range(4):
        clock.now = HOUR + timedelta(hours=hour)
        log.append(prediction(hour))
        assert wait_until(lambda hour=hour: log.counts().stored == hour + 1)
    counts = log.close()
    read = read_predictions(tmp_path)

    assert [one.ts for one in read.predictions] == [1, 2, 3]
    assert counts.deleted_files == 1
    assert counts.deleted_bytes > 0
    assert read.missing == 0


def test_a_duration_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        PredictionLog(tmp_path, LogLimits(keep="for ever"))


def test_at_the_cap_the_oldest_sealed_files_go(tmp_path):
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001, max_mb=0.2))
    for number in range(100):
        log.append(prediction(number, features=os.urandom(5_000)))
        assert wait_until(lambda number=number: log.counts().in_queue == 0)
    counts = log.close()
    read = read_predictions(tmp_path)
    times = [one.ts for one in read.predictions]

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 200_000
    assert counts.deleted_files > 0
    assert balanced(counts)
    assert times[-1] == 99
    assert 20 <= len(times) < 100


def test_at_the_cap_without_files_that_may_go_the_newest_is_dropped(tmp_path, caplog):
    others = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001))
    others.append(prediction(0, features=os.urandom(150_000)))
    assert wait_until(lambda: others.counts().stored == 1)
    log = PredictionLog(tmp_path, LogLimits(flush_seconds=0.001, max_mb=0.1))
    log.append(prediction(1))
    counts = log.close()
    others.close()

    assert (counts.stored, counts.dropped) == (0, 1)
    assert "max_mb" in caplog.text
    assert len(read_predictions(tmp_path).frame) == 1


_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from sluice.serving.prediction_log import LogLimits, PredictionLog
from tests.lib.predictions import prediction
log = PredictionLog(Path({folder!r}), LogLimits(flush_seconds=0.05))
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
    times = [one.ts for one in read.predictions]

    assert accepted > 500
    assert len(times) >= stored > 0
    assert times == list(range(len(times)))
    # What it had accepted by its last write, and had not written, is seen as missing; the last that
    # it said of itself is at most fifty answers old.
    assert len(times) + read.missing <= accepted + 50

    # Whoever starts next seals what it left, and nothing changes by that.
    PredictionLog(tmp_path).close()
    assert suffixes(tmp_path) == [".parquet"]
    sealed = read_predictions(tmp_path)
    assert sealed.predictions == read.predictions
    assert (sealed.missing, sealed.torn) == (read.missing, read.torn)


@pytest.mark.faults
def test_what_was_waiting_at_the_last_write_of_a_killed_process_is_missing(tmp_path):
    script = f"""
import os, sys, time
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from sluice.serving.prediction_log import LogLimits, PredictionLog
from tests.lib.predictions import prediction
log = PredictionLog(Path({str(tmp_path)!r}), LogLimits(batch=10, flush_seconds=0.2))
log._settle = lambda *args, **more: os.kill(os.getpid(), 9)
for number in range(35):
    log.append(prediction(number))
time.sleep(30)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    read = read_predictions(tmp_path)
    PredictionLog(tmp_path).close()

    assert ended.returncode == -signal.SIGKILL
    assert (len(read.frame), read.missing) == (10, 25)
    assert read_predictions(tmp_path).missing == 25


@pytest.mark.faults
def test_a_living_process_keeps_its_segment_while_others_seal_the_dead(tmp_path):
    living = PredictionLog(tmp_path, QUICK)
    living.append(prediction(1))
    assert wait_until(lambda: living.counts().stored == 1)
    killed_with(tmp_path, 5)
    others = [PredictionLog(tmp_path) for _ in range(3)]
    for log in others:
        log.close()
    there = suffixes(tmp_path)
    living.append(prediction(2))
    counts = living.close()

    assert there == [".parquet", ".segment"]
    assert counts.stored == 2
    assert len(read_predictions(tmp_path).frame) == 7


@pytest.mark.faults
def test_a_kill_while_sealing_neither_loses_nor_doubles(tmp_path):
    killed_with(tmp_path / "log", 50)
    (segment,) = (tmp_path / "log").iterdir()
    for moment in ("os.fsync", "pathlib.Path.rename", "pathlib.Path.unlink"):
        shutil.copytree(tmp_path / "log", at := tmp_path / moment)
        script = f"""
import os, pathlib, sys
sys.path.insert(0, {str(Path.cwd())!r})
from sluice.serving.prediction_files import seal
{moment} = lambda *_, **more: os.kill(os.getpid(), 9)
seal(pathlib.Path({str(at / segment.name)!r}))
"""
        ended = subprocess.run([sys.executable, "-c", script], check=False)
        between = read_predictions(at)
        PredictionLog(at).close()

        assert ended.returncode == -signal.SIGKILL
        assert len(between.frame) == 50
        assert len(read_predictions(at).frame) == 50
        assert suffixes(at) == [".parquet"]


@pytest.mark.faults
def test_several_that_seal_at_once_seal_once(tmp_path):
    killed_with(tmp_path, 500)
    (segment,) = tmp_path.iterdir()
    sealed = []
    workers = [
        threading.Thread(target=lambda: sealed.append(seal(segment))) for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(sealed) == [False] * 5 + [True]
    assert len(read_predictions(tmp_path).frame) == 500
    assert suffixes(tmp_path) == [".parquet"]


@pytest.mark.faults
@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_last_frame_is_counted_and_the_others_are_read(tmp_path, cut):
    killed_with(tmp_path, 3)
    (segment,) = tmp_path.iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole[:cut])
    read = read_predictions(tmp_path)
    PredictionLog(tmp_path).close()
    sealed = read_predictions(tmp_path)

    assert (len(read.frame), read.torn) == (3, 1)
    assert (len(sealed.frame), sealed.torn) == (3, 1)
    assert suffixes(tmp_path) == [".parquet"]


@pytest.mark.faults
def test_a_damaged_frame_is_refused_and_kept(tmp_path, caplog):
    killed_with(tmp_path, 3)
    (segment,) = tmp_path.iterdir()
    whole = bytearray(segment.read_bytes())
    whole[30] ^= 1
    segment.write_bytes(bytes(whole) + b"SPL1")
    with pytest.raises(IntegrityError, match="is damaged"):
        read_predictions(tmp_path)
    PredictionLog(tmp_path).close()

    assert suffixes(tmp_path) == [".segment"]
    assert "stays unsealed" in caplog.text


def test_a_parquet_file_that_is_none_of_the_logs_is_refused(tmp_path):
    log = PredictionLog(tmp_path)
    log.append(prediction())
    log.close()
    (sealed,) = tmp_path.iterdir()
    sealed.write_bytes(b"PAR1 and then nothing")

    with pytest.raises(IntegrityError, match="no file of predictions"):
        read_predictions(tmp_path)


def test_the_share_that_is_sampled_is_the_share_that_was_declared():
    ids = [f"request {number}" for number in range(20_000)]

    assert sum(sampled(each, 0.1) for each in ids) == pytest.approx(2_000, abs=150)
    assert not any(sampled(each, 0.0) for each in ids)
    assert all(sampled(each, 1.0) for each in ids)
    assert {each for each in ids if sampled(each, 0.1)} <= {
        each for each in ids if sampled(each, 0.2)
    }


def test_predictions_are_written_where_pandas_is_out_of_reach(tmp_path):
    """As in a serving process, which imports less; there a writer that dies takes every prediction with it."""
    script = f"""
from pathlib import Path
from sluice.serving.light_imports import hide_unasked
hide_unasked()
from sluice.serving.prediction_log import PredictionLog
from sluice.serving.served_requests import ServedRequests
from tests.lib.predictions import prediction
folder = Path({str(tmp_path)!r})
log = PredictionLog(folder)
log.append(prediction())
counts = log.close()
assert (counts.stored, counts.dropped) == (1, 0), counts
served = ServedRequests(folder, "for_you", "another")
assert served.lookup([prediction().request_id])
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
