"""POST /events: what is taken, what is refused by itself, and what can never break it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sluice.data.frames import dtypes
from sluice.data.schema import TABLES
from sluice.serving.events_arrow import MAX_ARROW_ROWS, parse_arrow
from sluice.serving.events_body import (
    MAX_EVENT_ROWS,
    MAX_JSON_BYTES,
    _one_by_one,
    parse_events,
)
from sluice.serving.events_typed import typed_rows
from sluice.serving.port import Status
from sluice.serving.problem import Rejected
from sluice.serving.strict_json import decode_object
from tests.lib.http_service import ARROW, InProcess, twin_app
from tests.lib.twin_server import NOW, Readiness, TwinServer

EXPOSURE = {
    "request_id": "r1",
    "user_id": "u1",
    "surface": "for_you",
    "ts": NOW,
    "item_id": "a",
    "position": 1,
}
CLICK = {
    "request_id": "r1",
    "user_id": "u1",
    "item_id": "a",
    "kind": "click",
    "value": 1,
    "ts": "2026-01-09T12:00:00.5+02:00",
}
ITEM = {"item_id": "a", "valid_from": NOW, "embedding": [1.0, 2], "published_at": -5}


@pytest.fixture
def service():
    twin = TwinServer()
    with asyncio.Runner() as runner:
        service = InProcess(runner, twin_app(twin))
        service.twin = twin
        yield service


def test_rows_of_all_tables_are_taken_and_a_second_time_are_repeats(service):
    body = {"exposures": [EXPOSURE], "feedback": [CLICK], "items": [ITEM]}
    first, second = service.post("/events", body), service.post("/events", body)

    assert first.json() == {"accepted": 3, "repeated": 0, "refused": []}
    assert second.json() == {"accepted": 0, "repeated": 3, "refused": []}


def test_frames_have_the_schemas_types_and_times_in_utc():
    body = {"exposures": [EXPOSURE | {"context_hour": 7}], "feedback": [CLICK]}
    rows = parse_events(json.dumps(body | {"items": [ITEM]}).encode(), NOW)

    for table in TABLES:
        schema = dict(rows.tables[table].schema)
        assert schema.pop("context_hour", pl.Float32()) == pl.Float32()
        assert schema == dtypes(table)
    assert rows.tables["exposures"]["ts"][0] == at(NOW)
    assert rows.tables["feedback"]["ts"][0] == datetime(2026, 1, 9, 10, 0, 0, 500_000, UTC)
    assert rows.tables["feedback"]["received_ts"][0] == at(NOW)
    assert rows.tables["items"]["published_at"][0] == at(-5)


def test_an_exposure_of_an_answered_request_may_leave_out_what_the_service_knows():
    rows = parse_events(b'{"exposures":[{"request_id":"r","item_id":"a"}]}', NOW)

    assert rows.tables["exposures"].row(0)[:5] == ("r", None, None, None, "a")


@pytest.mark.parametrize(
    ("table", "row", "code", "field"),
    [
        ("exposures", {"position": "1"}, "wrong_type", "position"),
        ("exposures", {"position": 1.5}, "wrong_type", "position"),
        ("exposures", {"position": True}, "wrong_type", "position"),
        ("exposures", {"position": 2**31}, "out_of_range", "position"),
        ("exposures", {"item_id": None}, "missing", "item_id"),
        ("exposures", {"item_id": ""}, "empty", "item_id"),
        ("exposures", {"item_id": "x" * 1025}, "too_long", "item_id"),
        ("exposures", {"item_id": "\ud800"}, "not_unicode", "item_id"),
        ("exposures", {"score": 10**400}, "not_finite", "score"),
        ("exposures", {"ts": "2026-01-09"}, "not_a_time", "ts"),
        ("exposures", {"ts": 10**20}, "not_a_time", "ts"),
        ("exposures", {"context_hour": 1e39}, "not_finite", "context_hour"),
        ("exposures", {"context_hour": "7"}, "wrong_type", "context_hour"),
        ("exposures", {"context_Hour": 7}, "unknown_field", None),
        ("exposures", {"device": 7}, "unknown_field", "device"),
        ("feedback", {"kind": 1}, "wrong_type", "kind"),
        ("feedback", {"kind": "purchase"}, "unknown", "kind"),
        ("feedback", {"value": None}, "missing", "value"),
        ("feedback", {"context_hour": 7}, "unknown_field", "context_hour"),
        ("items", {"embedding": [1, None]}, "wrong_type", "embedding[1]"),
        ("items", {"embedding": 1}, "wrong_type", "embedding"),
        ("items", {"valid_from": None}, "missing", "valid_from"),
    ],
)
def test_a_bad_row_is_refused_by_itself(service, table, row, code, field):
    good = {"exposures": EXPOSURE, "feedback": CLICK, "items": ITEM}[table]
    answer = service.post("/events", {table: [good, good | row, good | {"item_id": "b"}]})
    refused = answer.json().pop("refused")

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    assert [(one["table"], one["row"], one["field"], one["code"]) for one in refused] == [
        (table, 1, field, code)
    ]
    assert refused[0]["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"[]", 400, "not_json"),
        (b"\xff", 400, "not_json"),
        (b'{"exposures": [' + b"[" * 100_000, 400, "not_json"),
        (b'{"exposures": [], "exposures": []}', 400, "duplicate_key"),
        (b'{"items":[{"item_id":"a","item_id":"b","valid_from":1}]}', 400, "duplicate_key"),
        (b'{"items":[{"item_id":"a","quality":1,"quality":2,"valid_from":1}]}', 400, "duplicate_key"),
        (b'{"items":[{"item_id":"a","valid_from":1,"quality":NaN}]}', 422, "not_finite"),
        (b'{"clicks": []}', 422, "unknown_field"),
        (b'{"items": {}}', 422, "wrong_type"),
        (b'{"items": null}', 422, "wrong_type"),
        (b'{"items": [' + b"1," * MAX_EVENT_ROWS + b"1]}", 413, "too_large"),
        (b" " * (MAX_JSON_BYTES + 1), 413, "too_large"),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_whole(service, body, status, code):
    answer = service.post("/events", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not service.twin.taken


def test_too_many_sound_rows_are_refused_too(service):
    rows = [ITEM | {"item_id": str(number)} for number in range(MAX_EVENT_ROWS + 1)]

    assert service.post("/events", {"items": rows}).status_code == 413
    assert service.post("/events", {"items": rows[1:]}).json()["accepted"] == MAX_EVENT_ROWS


def test_without_a_release_nothing_is_taken_and_the_client_comes_back(service):
    service.twin.state = Readiness(Status.STARTING)
    answer = service.post("/events", {"items": [ITEM]})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_what_became_of_the_rows_is_counted(service):
    service.post("/events", {"items": [ITEM, ITEM, {"item_id": "a"}, 5]})
    text = service.call("GET", "/metrics").text

    assert "sluice_events_accepted_total 1.0" in text
    assert "sluice_events_repeated_total 1.0" in text
    assert 'sluice_events_refused_total{code="missing"} 1.0' in text
    assert 'sluice_events_refused_total{code="wrong_type"} 1.0' in text


VALUES = {
    "request_id": st.text(max_size=4) | st.none(),
    "user_id": st.text(max_size=4) | st.none() | st.integers(),
    "item_id": st.text(max_size=4),
    "ts": st.integers(-(2**70), 2**70)
    | st.integers(NOW, NOW + 9)
    | st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat())
    | st.sampled_from(
        ["2026-01-09T12:00:00Z", "2026-01-09t12:00:60Z", "0000-01-01T00:00:00Z", "1"]
    )
    | st.none(),
    "position": st.integers(-(2**33), 2**33) | st.floats() | st.booleans() | st.none(),
    "score": st.floats(allow_nan=False) | st.integers(),
    "context_hour": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    "other": st.none(),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional=VALUES), max_size=4)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.booleans())
def test_the_fast_way_takes_what_the_other_takes_and_gives_the_same(rows, ascii_only):
    text = json.dumps({"exposures": rows}, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    fast = typed_rows(body, NOW)
    if fast is None:
        return
    slow = _one_by_one(decode_object(body), NOW)

    assert slow.refused == fast.refused == ()
    for table in TABLES:
        assert_frame_equal(slow.tables[table], fast.tables[table])
        assert list(slow.rows[table]) == list(fast.rows[table])


def test_the_fast_way_is_taken_by_sound_rows():
    rows = [EXPOSURE, EXPOSURE | {"item_id": "b", "ts": NOW + 1}]
    context = [EXPOSURE | {"context_hour": 7}, EXPOSURE | {"item_id": "b"}]
    bodies = (
        {"exposures": rows, "feedback": [CLICK], "items": [ITEM]},
        {"exposures": context},
    )

    for body in bodies:
        assert typed_rows(json.dumps(body, ensure_ascii=False).encode(), NOW) is not None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_bytes_are_rows_or_refused(body):
    for parse in (lambda: parse_events(body, NOW), lambda: parse_arrow(body, "items", NOW)):
        assert outcome(parse) in OUTCOMES


def stream(frame, options=None):
    table = frame if isinstance(frame, pa.Table) else pa.table(frame)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def items(count):
    return {
        "item_id": [f"i{number}" for number in range(count)],
        "valid_from": pa.array([NOW] * count, pa.timestamp("us", "UTC")),
    }


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_arrow_streams_are_taken_with_the_schemas_types(service, compression):
    vectors = pa.array([[1.0, 2.0]] * 3, pa.large_list(pa.float64()))
    body = stream(
        items(3) | {"embedding": vectors}, pa.ipc.IpcWriteOptions(compression=compression)
    )
    answer = service.post("/events?table=items", body, headers=ARROW)
    frame = service.twin.taken[0].tables["items"]

    assert answer.json() == {"accepted": 3, "repeated": 0, "refused": []}
    assert dict(frame.schema) == dtypes("items")
    assert frame["embedding"].to_list() == [[1.0, 2.0]] * 3


def test_bad_arrow_rows_are_refused_by_themselves(service):
    columns = {
        "request_id": ["r", "", None, "r", "r"],
        "item_id": ["a", "b", "c", None, "e"],
        "score": [1.0, 1.0, 1.0, 1.0, float("nan")],
    }
    answer = service.post("/events?table=exposures", stream(columns), headers=ARROW)
    refused = answer.json()["refused"]

    assert answer.json()["accepted"] == 1
    assert [(one["row"], one["field"], one["code"]) for one in refused] == [
        (1, "request_id", "empty"),
        (2, "request_id", "missing"),
        (3, "item_id", "missing"),
        (4, "score", "not_finite"),
    ]


@pytest.mark.parametrize(
    ("path", "columns", "status", "code"),
    [
        ("/events", items(1), 422, "missing"),
        ("/events?table=clicks", items(1), 422, "out_of_range"),
        ("/events?table=items&table=items", items(1), 422, "out_of_range"),
        ("/events?table=items", {"item_id": ["a"]}, 422, "missing"),
        ("/events?table=items", items(1) | {"colour": ["red"]}, 422, "unknown_field"),
        ("/events?table=items", items(1) | {"quality": ["1"]}, 422, "wrong_type"),
        ("/events?table=items", items(1) | {"category": pa.array(["x"]).dictionary_encode()}, 422, "wrong_type"),
        ("/events?table=items", items(1) | {"category": pa.nulls(1)}, 422, "wrong_type"),
        ("/events?table=items", items(1) | {"category": pa.array(["x"], pa.string_view())}, 422, "wrong_type"),
        ("/events?table=items", items(1) | {"valid_from": pa.array([1], pa.timestamp("us"))}, 422, "wrong_type"),
        ("/events?table=items", items(MAX_ARROW_ROWS + 1), 413, "too_large"),
    ],
)  # fmt: skip
def test_arrow_streams_of_other_shapes_are_refused_whole(
    service, path, columns, status, code
):
    answer = service.post(path, stream(columns), headers=ARROW)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_stream_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(service):
    zeros = {"item_id": [" " * (150 << 20)], "valid_from": items(1)["valid_from"]}
    body = stream(zeros, pa.ipc.IpcWriteOptions(compression="zstd"))
    before = pa.total_allocated_bytes()
    answer = service.post("/events?table=items", body, headers=ARROW)

    assert len(body) < 1 << 20
    assert answer.status_code == 413
    assert pa.total_allocated_bytes() - before < 10 << 20


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_arrow_stream_is_rows_or_refused(data):
    body = bytearray(stream(items(3), pa.ipc.IpcWriteOptions(compression="zstd")))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    assert outcome(lambda: parse_arrow(bytes(body), "items", NOW)) in OUTCOMES


def at(micros):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


OUTCOMES = {200, 400, 413, 422}


def outcome(parse):
    """The status that a body would get."""
    try:
        parse()
    except Rejected as error:
        return error.status
    return 200
