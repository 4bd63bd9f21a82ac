"""A shadow harms nobody who answers, counts every request, and keeps the difference of the orders."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from sluice.data.schema import FeedbackKind
from sluice.errors import IntegrityError
from sluice.features.state.feature_state import Request
from sluice.features.state.replay import replay
from sluice.metrics import likeness
from sluice.serving.release import open_release
from sluice.serving.shadow import Shadow
from sluice.serving.shadow_difference import Age, difference
from sluice.serving.shadow_files import (
    ShadowCounts,
    ShadowFiles,
    ShadowRow,
    read_counts,
    read_rows,
    shadow_folder,
)
from sluice.serving.shadow_job import Frame, Job, encoded, frames
from sluice.serving.shadow_process import shadow_command, shadow_from
from sluice.serving.shadow_report import report
from sluice.serving.shadow_scoring import ShadowScoring
from sluice.settings import load_settings
from tests.lib.random_logs import START, micros
from tests.lib.releases import (
    END,
    ITEM_IDS,
    SPEC,
    described_log,
    small_release,
    small_scorer,
)

AT = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
SECONDS = 120


def asked(number=0, **changes):
    values = {"user_id": "user1", "item_ids": ITEM_IDS, "ts": END + number}
    return Request(**{**values, **changes})


def upside_down():
    return np.arange(len(ITEM_IDS) - 1, -1, -1)


@pytest.fixture
def shadow():
    """Starts shadows that are closed, also where the test fails."""
    with ExitStack() as stack:

        def started(*arguments, **named):
            made = Shadow(*arguments, **named)
            stack.callback(made.close, 1.0)
            made.start()
            return made

        yield started


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    return folder / small_release(folder)


def state():
    found = replay(SPEC, FeedbackKind.CLICK, described_log()).state
    found.advance(END)
    return found


def test_it_says_who_enters_and_leaves_the_top_with_their_facts():
    order = np.arange(20)
    swapped = order.copy()
    swapped[[4, 19]] = [19, 4]  # item19 takes the fifth slot, item04 the last

    found = difference(asked(), order, swapped, state())

    assert found.overlaps == (0.8, 0.9)
    assert found.max_shift == 15
    assert {(m.k, m.entered, m.item_id, m.category, m.provider) for m in found.moves} == {
        (5, True, "item19", "topic1", None), (5, False, "item04", "topic1", None),
        (10, True, "item19", "topic1", None), (10, False, "item04", "topic1", None),
    }  # fmt: skip
    assert {move.age for move in found.moves} <= set(Age)


def test_the_same_order_moves_nothing_and_one_candidate_has_one_order():
    same = difference(asked(), np.arange(20), np.arange(20), state())
    one = difference(asked(item_ids=("item03",)), np.arange(1), np.arange(1), state())

    for found in (same, one):
        assert (found.overlaps, found.max_shift, found.moves) == ((1.0, 1.0), 0, ())
        assert found.rbo == pytest.approx(1.0)


def test_an_ad_that_no_slot_was_found_for_stands_below_all_that_are_shown():
    shown = np.array([2, 0, 1])
    whole = np.array([3, 2, 0, 1])
    four = asked(item_ids=ITEM_IDS[:4])

    assert difference(four, shown, whole, state()).max_shift == 3


@pytest.mark.parametrize("seed", range(5))
def test_overlap_and_rbo_are_those_of_the_offline_metrics(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 20))
    ours, theirs = rng.normal(size=size), rng.normal(size=size)
    items = ITEM_IDS[:size]
    frame = SimpleNamespace(
        rows=size, requests=1, offsets=np.array([0, size]), item_ids=np.array(items)
    )
    offline = {
        name: likeness(ours, theirs, frame, k=k).vector(name)[0]
        for k in (5, 10)
        for name in (f"overlap@{k}", "rbo@0.9")
    }

    found = difference(
        asked(item_ids=items), np.argsort(-theirs), np.argsort(-ours), state()
    )

    assert found.overlaps == (offline["overlap@5"], offline["overlap@10"])
    assert found.rbo == pytest.approx(offline["rbo@0.9"])


def a_job(number=0, **changes):
    values = {
        "request": asked(number, context={"context_device": 2.0}),
        "revenue": None,
        "order": upside_down(),
        "request_id": f"r{number}",
        "answered_by": "c" * 64,
    }
    return Job(**{**values, **changes})


def test_a_message_is_read_as_it_was_written_and_silence_is_told():
    read, write = os.pipe()
    first, second = Frame(1, 0, a_job()), Frame(2, 1, None)
    content = encoded(first) + encoded(second)
    os.write(write, content[:100])
    heard = frames(read, 0.05)
    assert next(heard) is None
    os.write(write, content[100:])
    found = next(heard)
    assert replace(found.job, order=None) == replace(first.job, order=None)
    assert found.job.order.tolist() == first.job.order.tolist()
    assert next(heard) == second
    os.close(write)
    assert list(heard) == []
    os.close(read)


def scoring(folder, open_live=None, **changes):
    live = SimpleNamespace(
        release=SimpleNamespace(scorer=small_scorer(), digest="d" * 64),
        catch_up=lambda: None,
        refresh=lambda: False,
    )
    files = ShadowFiles(folder, "one", 1 << 20)
    return ShadowScoring(open_live or (lambda: live), files, **changes)


def test_what_was_scored_is_stored_and_every_offer_is_somewhere(tmp_path):
    bad = a_job(5, request=asked(context={"context_rank": (1.0, 2.0)}))
    old = a_job(6, request=asked(ts=micros(START) + 1))
    jobs = [*(a_job(number) for number in range(5)), bad, old]
    worker = scoring(tmp_path)
    worker.run(
        [None, *(Frame(n + 3, 2, job) for n, job in enumerate(jobs)), Frame(9, 2, None)]
    )

    rows = read_rows(tmp_path)
    assert rows["request_id"].to_list() == [f"r{number}" for number in range(5)]
    assert set(rows["answered_by"]) == {"c" * 64}
    assert "user1" not in str(rows.to_dicts())
    assert read_counts(tmp_path) == ShadowCounts(offered=9, stored=5, dropped=2, failed=2)
    assert read_counts(tmp_path).waiting == 0


def test_a_release_that_cannot_be_kept_up_is_opened_again(tmp_path):
    opened = []

    def open_live():
        opened.append(1)
        if len(opened) == 1:
            raise IntegrityError("damaged")
        return SimpleNamespace(
            release=SimpleNamespace(scorer=small_scorer(), digest="d"),
            catch_up=lambda: None, refresh=lambda: False,
        )  # fmt: skip

    scoring(tmp_path, open_live, retry_seconds=0.0).run([Frame(1, 0, a_job())])

    assert len(opened) == 2
    assert read_counts(tmp_path) == ShadowCounts(offered=1, stored=1)


def test_a_full_disk_loses_nothing_that_has_room_in_memory(tmp_path, monkeypatch):
    worker = scoring(tmp_path, write_seconds=0.0)
    plain, failures = ShadowFiles.write, [OSError("full")] * 2

    def write(self, counts, at):
        if failures:
            raise failures.pop()
        plain(self, counts, at)

    monkeypatch.setattr(ShadowFiles, "write", write)
    worker.run([Frame(number + 1, 0, a_job(number)) for number in range(4)])

    assert read_rows(tmp_path).height == 4
    assert read_counts(tmp_path) == ShadowCounts(offered=4, stored=4)


def a_row(number):
    found = difference(asked(), np.arange(20), upside_down(), state())
    return ShadowRow(f"r{number}", END + number, "c" * 64, 20, found)


def test_files_are_hourly_and_the_oldest_go_first(tmp_path):
    row = a_row(0)
    files = ShadowFiles(tmp_path, "one", 1 << 20)
    for hour in range(4):
        files.add(replace(row, request_id=f"r{hour}", ts=END + hour))
        files.write(ShadowCounts(offered=hour + 1), AT + timedelta(hours=hour))
    names = sorted(path.name for path in tmp_path.glob("*.parquet"))
    size = max(path.stat().st_size for path in tmp_path.glob("*.parquet"))

    assert [name[:11] for name in names] == ["20260112T09", "20260112T10", "20260112T11"]
    assert read_rows(tmp_path)["request_id"].to_list() == ["r0", "r1", "r2", "r3"]

    small = ShadowFiles(tmp_path, "two", 2 * size)
    small.add(replace(row, request_id="new", ts=END + 9))
    small.write(ShadowCounts(offered=1), AT + timedelta(hours=9))
    kept = read_rows(tmp_path)["request_id"].to_list()
    assert kept[-1] == "new"
    assert len(kept) < 5
    assert sum(p.stat().st_size for p in tmp_path.glob("*.parquet")) <= 2 * size
    assert read_counts(tmp_path).offered == 5


def test_the_report_adds_up(tmp_path):
    files = ShadowFiles(tmp_path, "one", 1 << 20)
    for number in range(3):
        files.add(a_row(number))
    files.write(ShadowCounts(offered=4, stored=3, dropped=1), AT)

    found = report(tmp_path)

    assert (found.requests, found.counts.dropped) == (3, 1)
    assert found.figures["overlap@5"] == found.figures["overlap@10"] == 0
    assert found.figures["unchanged@10"] == 0
    assert found.figures["max_shift_p50"] == 19
    for dimension in ("provider", "category", "age"):
        groups = [g for g in found.groups if (g.dimension, g.k) == (dimension, 5)]
        assert sum(group.entered for group in groups) == 15
        assert sum(group.left_share for group in groups) == pytest.approx(1)
    assert {g.name for g in found.groups if g.dimension == "category"} == {
        "topic0", "topic1", "topic2",
    }  # fmt: skip


def test_no_rows_are_a_report_of_no_request(tmp_path):
    found = report(tmp_path / "nowhere")

    assert (found.requests, found.figures, found.groups) == (0, {}, ())


def test_a_process_of_its_own_scores_and_ends_with_the_shadow(tmp_path, release, shadow):
    folder = shadow_folder(tmp_path, "feed", release.name)
    command = shadow_command(folder, release, tmp_path / "log", write_seconds=0.1)
    shadow = shadow(command, folder)
    for number in range(20):
        assert shadow.offer(asked(number), upside_down(), f"r{number}", "c" * 64)
    wait(lambda: read_counts(folder).stored == 20)
    counts = shadow.close()

    assert counts == ShadowCounts(offered=20, stored=20)
    rows = read_rows(folder)
    assert rows.height == 20
    by_itself = open_release(release, release.name).scorer.rank(asked())
    expected = difference(asked(), upside_down(), by_itself.order, state())
    assert rows["overlap@10"][0] == pytest.approx(expected.overlaps[1])
    assert rows["max_shift"][0] == expected.max_shift


def test_the_newest_is_dropped_where_the_queue_is_full_and_nobody_waits(tmp_path, shadow):
    """A process that never reads: the pipe fills, then the queue, and every offer is counted."""
    deaf = lambda name: [sys.executable, "-c", "import time; time.sleep(600)"]  # noqa: E731
    shadow = shadow(deaf, tmp_path, capacity=10)
    wait(lambda: shadow._child)
    child, took = shadow._child, []
    for number in range(600):
        began = time.perf_counter()
        shadow.offer(asked(number), upside_down(), f"r{number}", "c" * 64)
        took.append(time.perf_counter() - began)
    before = shadow.counts()
    counts = shadow.close(timeout=1.0)

    assert before.dropped > 0
    assert np.median(took) < 0.001
    assert (counts.offered, counts.stored, counts.waiting) == (600, 0, 0)
    assert counts.dropped + counts.failed == 600
    assert counts.failed > 0
    assert child.poll() == -signal.SIGKILL


def test_one_that_is_closed_while_it_starts_leaves_no_process(tmp_path, shadow):
    deaf = lambda name: [sys.executable, "-c", "import time; time.sleep(600)"]  # noqa: E731
    shadow = shadow(deaf, tmp_path)
    shadow.offer(asked(), upside_down(), "r0", "c" * 64)
    shadow.close(timeout=1.0)

    assert not shadow._thread.is_alive()
    assert shadow._child is None


def test_a_process_that_is_killed_is_started_again_and_what_it_held_is_counted(
    tmp_path, release, shadow
):
    folder = shadow_folder(tmp_path, "feed", release.name)
    command = shadow_command(folder, release, tmp_path / "log", write_seconds=0.1)
    shadow = shadow(command, folder, retry_seconds=0.1)
    shadow.offer(asked(0), upside_down(), "r0", "c" * 64)
    wait(lambda: read_counts(folder).stored == 1)
    first = shadow._child
    os.kill(first.pid, signal.SIGKILL)
    wait(lambda: shadow._child not in (None, first))
    for number in range(1, 6):
        shadow.offer(asked(number), upside_down(), f"r{number}", "c" * 64)
    wait(lambda: shadow.counts().stored == 6)
    counts = shadow.close()

    assert counts == ShadowCounts(offered=6, stored=6)
    assert read_counts(folder) == counts
    assert read_rows(folder).sort("ts")["request_id"].to_list() == [
        f"r{number}" for number in range(6)
    ]


def test_the_environment_names_the_shadow(tmp_path):
    settings = load_settings({}, tmp_path)

    assert shadow_from({}, "feed", settings) is None
    named = shadow_from({"SLUICE_SHADOW": "d" * 64}, "feed", settings)
    assert named.counts() == ShadowCounts()
    assert f"--release={settings.releases / ('d' * 64)}" in named._command("one")


def wait(done):
    until = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)
