import json
import shutil
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sluice.data.event_log import EventLog
from sluice.data.snapshot import open_snapshot, take
from sluice.data.tables import Window
from sluice.errors import IntegrityError, NotFound, TooLittleData
from tests.lib.logs import (
    AT,
    START,
    event,
    exposure,
    flip_bit,
    tiny_log,
    with_cell,
    with_rows,
)

WINDOW = Window(START, START + timedelta(hours=3))


@pytest.fixture
def log(tmp_path):
    log = EventLog(tmp_path / "log")
    log.append(tiny_log(), at=AT)
    return log


def files(folder):
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()
    }


def test_a_snapshot_holds_the_window(log, tmp_path):
    snapshot = take(log, WINDOW, tmp_path / "snapshots")

    assert snapshot.counts == {"exposures": 9, "feedback": 3, "items": 3}
    assert snapshot.window == WINDOW
    assert snapshot.folder == tmp_path / "snapshots" / snapshot.digest
    assert snapshot.read().exposures.equals(log.read(WINDOW).exposures)


def test_taking_it_twice_is_one_snapshot(log, tmp_path):
    first = take(log, WINDOW, tmp_path / "snapshots")
    before = files(first.folder)

    assert take(log, WINDOW, tmp_path / "snapshots") == first
    assert files(first.folder) == before
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [first.digest]


def test_the_digest_does_not_depend_on_the_batches(log, tmp_path):
    other = EventLog(tmp_path / "other")
    for requests in (1, 2, 3):
        other.append(tiny_log(requests=requests), at=AT)

    assert (
        take(other, WINDOW, tmp_path / "b").digest
        == take(log, WINDOW, tmp_path / "a").digest
    )


def test_the_digest_does_not_depend_on_how_the_zone_is_written(log, tmp_path):
    east = timezone(timedelta(hours=2))
    elsewhere = Window(WINDOW.start.astimezone(east), WINDOW.end.astimezone(east))

    assert (
        take(log, elsewhere, tmp_path / "b").digest
        == take(log, WINDOW, tmp_path / "a").digest
    )


@pytest.mark.parametrize(
    "tables",
    [
        with_cell(tiny_log(), "exposures", "score", 0.75),
        with_cell(tiny_log(), "feedback", "value", 2.0),
        with_cell(tiny_log(), "items", "category", "sport"),
        tiny_log(requests=2),
    ],
    ids=["a score", "a value", "a category", "a request less"],
)
def test_other_content_has_another_digest(log, tmp_path, tables):
    other = EventLog(tmp_path / "other")
    other.append(tables, at=AT)

    assert (
        take(other, WINDOW, tmp_path / "b").digest
        != take(log, WINDOW, tmp_path / "a").digest
    )


def test_another_window_has_another_digest_even_with_the_same_rows(log, tmp_path):
    wider = Window(WINDOW.start - timedelta(hours=1), WINDOW.end)

    assert take(log, wider, tmp_path).digest != take(log, WINDOW, tmp_path).digest


def test_a_surface_takes_its_own_requests_and_the_feedback_on_no_other(tmp_path):
    log = EventLog(tmp_path / "log")
    tables = with_rows(tiny_log(), "exposures", [exposure(7, "a", 1, surface="follow")])
    tables = with_rows(
        tables, "feedback", [event(7, "a"), event(0, "elsewhere", request_id=None)]
    )
    log.append(tables, at=AT)

    found = take(log, Window(START, AT), tmp_path / "s", surface="for_you")

    assert found.surface == "for_you"
    assert found.read().exposures["surface"].unique().to_list() == ["for_you"]
    assert found.read().feedback["request_id"].to_list() == ["r0", None, "r1", "r2"]


def test_feedback_on_the_surfaces_earlier_requests_stays(log, tmp_path):
    late = Window(START + timedelta(hours=2), START + timedelta(hours=3))

    found = take(log, late, tmp_path / "s", surface="for_you")

    assert found.read().feedback["request_id"].to_list() == ["r0", "r1", "r2"]


def test_a_window_without_exposures_is_refused(log, tmp_path):
    later = Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))

    with pytest.raises(
        TooLittleData, match=r"no exposure on any surface.*surfaces: for_you"
    ):
        take(log, later, tmp_path / "snapshots")


def test_an_unknown_surface_is_refused(log, tmp_path):
    with pytest.raises(TooLittleData, match="no exposure on follow"):
        take(log, WINDOW, tmp_path / "snapshots", surface="follow")


@pytest.mark.parametrize("name", ["exposures.parquet", "feedback.parquet", "items.parquet"])
def test_a_flipped_bit_is_found_on_opening_and_on_taking_again(log, tmp_path, name):
    snapshot = take(log, WINDOW, tmp_path)
    flip_bit(snapshot.folder / name, 200)

    with pytest.raises(IntegrityError, match=name):
        open_snapshot(tmp_path, snapshot.digest)
    with pytest.raises(IntegrityError, match=name):
        take(log, WINDOW, tmp_path)


def test_a_file_changed_after_opening_is_not_parsed(log, tmp_path):
    snapshot = take(log, WINDOW, tmp_path)
    flip_bit(snapshot.folder / "exposures.parquet", 200)

    with pytest.raises(IntegrityError, match=r"exposures\.parquet"):
        snapshot.read()


def test_a_snapshot_deleted_after_opening_is_a_typed_error(log, tmp_path):
    snapshot = take(log, WINDOW, tmp_path)
    shutil.rmtree(snapshot.folder)

    with pytest.raises(IntegrityError, match="was deleted"):
        snapshot.read()


@pytest.mark.parametrize("change", ["missing", "extra", "manifest", "no manifest"])
def test_any_other_change_of_the_folder_is_found(log, tmp_path, change):
    snapshot = take(log, WINDOW, tmp_path)
    manifest = snapshot.folder / "manifest.json"
    if change == "missing":
        (snapshot.folder / "items.parquet").unlink()
    elif change == "extra":
        (snapshot.folder / "notes.txt").write_text("hello")
    elif change == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text(
            json.dumps(json.loads(manifest.read_text()) | {"surface": "other"})
        )

    with pytest.raises(IntegrityError):
        open_snapshot(tmp_path, snapshot.digest)


@pytest.mark.parametrize("digest", ["0" * 64, "../log", "", "nothing"])
def test_an_unknown_snapshot_is_not_found(log, tmp_path, digest):
    there = take(log, WINDOW, tmp_path)

    with pytest.raises(NotFound, match=there.digest):
        open_snapshot(tmp_path, digest)
